//go:build unix

package restarts

// This file is one run: a server under load that is restarted many times.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

const (
	// between is how many answers there are between two restarts, at least, and
	// spread how long after that the next one may come.
	between = 300
	spread  = 100 * time.Millisecond

	// mostDraining is how many replaced processes there may be. Each is kept by
	// connections that are silent.
	mostDraining = 8
)

// outcome is what a run has found.
type outcome struct {
	restarts, unclean int
	counts            [load.Protocols][load.Outcomes]int64
	losses            []load.Loss
	stall             time.Duration
	stranger          [2]int64 // requests of wrk: answered, lost
	before, after     held     // of the first process and of the last, both idle
	took              time.Duration
}

// run restarts a server of a kind n times under load; with no restarts, it has
// the load for as long as that is.
func run(kind string, n, conns int, calm time.Duration, t *timeline) (o outcome, err error) {
	c, err := start(kind)
	if err != nil {
		return o, err
	}
	defer c.kill()
	o.before = holds(c.current())
	began := time.Now()
	l := load.StartLasting(c.addrs, conns, t.seen())
	defer l.Gone()
	other := startStranger(c.addrs.Web)
	if flying := l.Ready(conns); flying < conns {
		err = fmt.Errorf("only %d requests in flight on some protocol, want %d", flying, conns)
	}
	for i := 0; i < n && err == nil; i++ {
		t.mark()
		if err = c.restart(); err == nil {
			o.restarts++
			err = pause(c, l)
		}
	}
	if n == 0 {
		time.Sleep(calm)
	}
	o.took = time.Since(began)
	answered, lost, bad := other.stop()
	o.stranger = [2]int64{answered, lost}
	l.Finish()
	if err = errors.Join(err, bad); err != nil {
		return o, err
	}
	limit := time.Now().Add(patience)
	for c.there() > 1 && time.Now().Before(limit) {
		time.Sleep(time.Millisecond)
	}
	o.after = holds(c.current())
	o.unclean, err = c.stop()
	o.stall, o.losses = l.Stall(), l.Losses()
	for p := range o.counts {
		for out := range o.counts[p] {
			o.counts[p][out] = l.Count(load.Protocol(p), load.Outcome(out))
		}
	}
	if n := o.total(load.Failed); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d clients failed by themselves: %v", n, o.losses))
	}
	return o, err
}

// pause waits until the load is on the new process, and a random time longer.
func pause(c *chain, l *load.Load) error {
	limit := time.Now().Add(patience)
	for at := l.Total(load.Answered); l.Total(load.Answered) < at+between || c.there() > mostDraining; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			return fmt.Errorf("%d answers after a restart, and %d processes", l.Total(load.Answered)-at, c.there())
		}
	}
	time.Sleep(rand.N(spread))
	return nil
}

func (o *outcome) total(out load.Outcome) (n int64) {
	for p := range o.counts {
		n += o.counts[p][out]
	}
	return n
}

// lost are all requests without an answer: a server that is restarted has no
// time in which it may refuse or be silent.
func (o *outcome) lost() int64 {
	return o.total(load.Lost) + o.total(load.Late) + o.total(load.Turned) + o.stranger[1]
}

// add adds another run.
func (o *outcome) add(other outcome) {
	if o.restarts == 0 {
		o.before = other.before
	}
	o.restarts += other.restarts
	o.unclean += other.unclean
	for p := range o.counts {
		for out := range o.counts[p] {
			o.counts[p][out] += other.counts[p][out]
		}
	}
	o.losses = append(o.losses, other.losses...)
	o.stall = max(o.stall, other.stall)
	o.stranger[0] += other.stranger[0]
	o.stranger[1] += other.stranger[1]
	o.after = other.after
	o.took += other.took
}
