package drive

// One round: a new server, the same load, one disturbance, and what came of it.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	// warmup and calm are the requests per worker before and between the
	// two looks at the server's status. Connections and whatever else lasts
	// are made in the first wave, so what is gained in the second is leaked.
	warmup, calm = 4, 12
	// steep is how long the load runs before the disturbance.
	steep = 250 * time.Millisecond
	// flyingTime bounds the wait for a request in flight on 64 connections
	// of each protocol.
	flyingTime = 3 * time.Second
	// grace is the budget that the server is given for a stop, and overtime
	// what it may take on top of it before it is killed.
	grace, overtime = 5 * time.Second, 2 * time.Second
	// calmTime bounds a wave of so many requests, which take a second; one
	// that hangs is lost much earlier.
	calmTime = 30 * time.Second
	// waveTime bounds the wave that a server is disturbed in. It exceeds all
	// that a server can take for three stops and a client for a dial, so it
	// cuts nothing short that may end.
	waveTime = 3*(steep+grace+overtime) + flyingTime + dialTimeout
)

// round is what one server did.
type round struct {
	tallies
	signal   time.Time
	lastToGo time.Duration // from the last answer to the end of the process; zero: not by a stop under load
	flying   int           // requests in flight at the signal, least of all protocols
	killed   bool          // it didn't end in time
	exit     int
	stderr   string // what it wrote after the signal

	before, after held // idle, with a wave of load between them
}

// round makes one round of an act.
func (d *driver) round(ctx context.Context, a act, k kind) (round, error) {
	c, err := d.children.start([]string{"-grace", grace.String()}, k.env())
	if err != nil {
		return round{}, err
	}
	defer c.awaitGone(0)
	f := newFleet(c.addresses, d.sample)
	defer f.close()

	var r round
	if err := errors.Join(r.idle(ctx, c, f), ctx.Err()); err != nil {
		return round{}, err
	}
	if err := r.disturbed(ctx, a, c, f); err != nil {
		return round{}, fmt.Errorf("%w%s", err, c.stderr.quote(0))
	}
	return r, ctx.Err()
}

// idle compares the server before and after a wave of load.
func (r *round) idle(ctx context.Context, c *child, f *fleet) (err error) {
	if err := r.calmWave(ctx, f, warmup); err != nil {
		return err
	}
	if r.before, err = settled(c.admin, steady); err != nil {
		return err
	}
	if err := r.calmWave(ctx, f, calm); err != nil {
		return err
	}
	r.after, err = settled(c.admin, func(_, now held) bool {
		return now.Goroutines <= r.before.Goroutines && now.Descriptors <= r.before.Descriptors
	})
	return err
}

// calmWave makes a wave on a server to which nothing is done meanwhile, so
// that whatever the clients can't get is the machine's fault.
func (r *round) calmWave(ctx context.Context, f *fleet, most int) error {
	wave, cancel := context.WithTimeout(ctx, calmTime)
	defer cancel()
	r.merge(f.wave(wave, most))
	if wave.Err() != nil {
		return fmt.Errorf("%d requests took more than %v: too busy a machine to judge a server on; %v",
			most*len(f.workers), calmTime, r.details())
	}
	if n := r.total(refused) + r.total(broken); n > 0 {
		return fmt.Errorf("%d connections failed with nothing being stopped: %v", n, r.details())
	}
	return nil
}

// disturbed puts the server under load and does to it what the act does.
func (r *round) disturbed(ctx context.Context, a act, c *child, f *fleet) error {
	wave, cancel := context.WithTimeout(ctx, waveTime)
	defer cancel()
	done := make(chan tallies, 1)
	go func() { done <- f.wave(wave, math.MaxInt) }() // ends with its clients, or with wave
	time.Sleep(steep)
	if r.flying = f.awaitFlying(wave, connections); r.flying < connections {
		cancel()
		<-done
		return fmt.Errorf("only %d requests in flight on some protocol, want %d", r.flying, connections)
	}
	r.signal = time.Now()
	mark := c.stderr.mark()
	for range a.times {
		if err := a.disturb(ctx, c); err != nil {
			cancel()
			<-done
			return err
		}
		if !a.ends {
			time.Sleep(steep)
		}
	}
	if !a.ends {
		f.finish()
		r.merge(<-done)
		if err := c.stop(); err != nil {
			return err
		}
	}
	r.killed = !c.awaitGone(grace + overtime)
	if a.ends {
		r.merge(<-done)
	}
	r.exit, r.stderr = c.exit, c.stderr.since(mark)
	if n := r.total(broken); n > 0 {
		return fmt.Errorf("%d clients failed by themselves: %v", n, r.details())
	}
	last := r.last()
	if last.IsZero() {
		return errors.New("nothing was answered")
	}
	if a.ends {
		r.lastToGo = c.end.Sub(last)
	}
	return nil
}
