package timeout

// This file holds the ticker that is asked for its ticks.
//
// A ticker that pushes has to run somewhere, has to be stopped, and has to
// decide what becomes of a tick that nobody takes before it can know. Asked, it
// is arithmetic on the time of the next tick:
//
//	    grid-Every      grid            grid+Every      grid+2*Every
//	--------+--------------+-----+-----------+--------------+----------> time
//	                       |     `due = grid + late
//	                       `the period of the next tick begins
//
// A tick can be taken from its due on. As long as its period lasts it is just a
// tick, be it taken late; after that it is missed. The period of the next one
// has begun by then, so at most one tick is due and not missed. All there is to
// do about missed ones is to move grid, by a division, however many there are.
//
// Nobody holds a tick before it is due: all who wait do so for the same one, the
// first who then takes the lock gets it, and the others wait for the next. The
// tempting version lets each caller reserve a tick of its own, but then one who
// gives up leaves a hole, and somebody else has to be woken to fill it.

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/ctxerr"
)

// Ticker ticks once in a period, for whoever asks: by [Ticker.Wait], or in a
// loop over [Ticker.Ticks]. The first use begins the first period, and the first
// tick is due at its end:
//
//	ticker := timeout.Ticker{Every: time.Minute}
//	for range ticker.Ticks(ctx) {
//		refresh(ctx)
//	}
//
// Each tick has its period, from when it is due to when the next one is, both
// without Jitter. Asked for within that, it is returned, however late; after
// that it was missed, and Burst says what becomes of it. So without options it
// is as with a time.Ticker: after a pause one tick is there at once, and then
// all goes on in step. But here that tick is the one whose period it is, late by
// less than Every, and those that were missed are counted: [Ticker.Dropped].
//
// There is no channel, no goroutine, and nothing to stop. A channel would be
// ready while nobody listens, and drop ticks that nobody could count; it would
// need a goroutine or a timer that lives on, and so a Stop that can be forgotten;
// and it would know no context. In a select beside other channels, a time.Ticker
// is the right thing. Or the loop over Ticks gets a goroutine of its own, one
// of an errgroup for example, under a context that ends it with the others.
//
// The zero Ticker needs an Every. All methods may be called concurrently: every
// tick goes to exactly one caller, in no particular order. The fields must not
// be changed after first use: a Ticker with a new period is a new Ticker. A
// Ticker must not be copied after first use; go vet reports copies.
//
// Times are those of the monotonic clock. A Ticker may be used inside a
// testing/synctest bubble, then outside, then in the next bubble. Where the
// clock turns out to be another one, which is so at the bubble's border and
// where time has gone back, that is a first use, and the grid begins anew. A
// bubble whose time is not before that of the last one can't be told from it; in
// that the old grid goes on.
//
// In the terms of the Go memory model, a call that returns a tick is
// synchronized before the return of each call that returns a later tick.
type Ticker struct {
	// Every is the period. It must be positive.
	Every time.Duration

	// Immediate has the first tick be due at the first use, and not a period
	// later.
	Immediate bool

	// Jitter makes every tick late, also an immediate one, by a random time
	// that is less than this, so that what was started together does not go on
	// together. The grid is not shifted: the ticks are late by independent
	// times, and none of that adds up. Zero or negative is none. It must not
	// be more than Every, or ticks would overtake each other; with Delay, which
	// knows no grid, it may.
	Jitter time.Duration

	// Burst is how many missed ticks are made up for, the latest ones: they are
	// returned at once, one after another. The others are dropped. So zero, the
	// default, drops all of them, and a negative Burst none.
	Burst int

	// Delay has each tick be due Every after the last one was returned, so that
	// two are never closer together than that, and none can be missed. On a
	// grid, one that was taken late may be followed at once by the next. Burst
	// has no meaning then.
	Delay bool

	// spare is a timer that nobody uses, so that a wait need not make one. It
	// was made outside of any bubble and is never touched inside of one.
	spare atomic.Pointer[time.Timer]

	mu struct {
		sync.Mutex
		seen    time.Time     // the last reading of the clock; zero before first use
		grid    time.Time     // of the next tick to be returned
		late    time.Duration // its share of Jitter
		dropped uint64
	}
}

// Wait waits for the next tick and takes it. It returns nil at once if one is
// due, and it fails, and takes none,
//
//   - if ctx is done before the wait, even if a tick is due, or gets done
//     during the wait: the error is ctx.Err() where the cause says no more, and
//     otherwise one that errors.Is and errors.As find both in;
//   - at once, if ctx has a deadline before the next tick: a
//     [*ctxutil.TimeoutError] named "tick", which Is [context.DeadlineExceeded],
//     with the time left as Limit and the time to the tick as RetryAfter.
//
// A tick that is due when ctx gets done is taken: the result is nil.
//
// Wait panics if Every is not positive, if Jitter is more than that, and if ctx
// is nil. A wait starts no goroutine and leaves nothing behind. It allocates
// nothing, but for the first one, those that wait at the same time, and those in
// a bubble, which make a timer of their own.
func (t *Ticker) Wait(ctx context.Context) error {
	_, err := t.next(ctx, true)
	return err
}

// Ticks returns the ticks one after another, each as the time when it was due,
// Jitter included, for a loop that lasts until ctx is done:
//
//	for due := range ticker.Ticks(ctx) { ... }
//
// The loop ends when ctx is done, and no sooner: a deadline before the next tick
// does not end it at once, as it does a [Ticker.Wait], so after the loop ctx.Err
// and context.Cause say why, unless its body has left it. As with Wait, a done
// ctx beats a tick that is due, unless they come together in a wait.
//
// The ticks are the Ticker's: a second loop goes on where the first has ended,
// and two at once share them. Ticks panics as Wait does, when it is called.
func (t *Ticker) Ticks(ctx context.Context) iter.Seq[time.Time] {
	t.check(ctx)
	return func(yield func(time.Time) bool) {
		for {
			due, err := t.next(ctx, false)
			if err != nil || !yield(due) {
				return
			}
		}
	}
}

// Dropped returns how many ticks have been dropped. That a tick was missed is
// noticed when the next one is asked for, and counted then.
func (t *Ticker) Dropped() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.dropped
}

// check panics where the Ticker, or its use, makes no sense.
func (t *Ticker) check(ctx context.Context) {
	if ctx == nil {
		panic("timeout: Ticker with a nil context")
	}
	if t.Every <= 0 {
		panic("timeout: Ticker with a period that is not positive")
	}
	if t.Jitter > t.Every && !t.Delay {
		panic("timeout: Ticker with a Jitter of more than its period")
	}
}

// next waits for the next tick and takes it. With hurry it does not wait where
// the deadline is sooner.
func (t *Ticker) next(ctx context.Context, hurry bool) (due time.Time, err error) {
	t.check(ctx)
	if err := ctxerr.Of(ctx); err != nil {
		return time.Time{}, err
	}
	due, now := t.take()
	for due.After(now) {
		left := due.Sub(now)
		if deadline, ok := ctx.Deadline(); ok && hurry {
			if room := deadline.Sub(now); room < left {
				return time.Time{}, &ctxutil.TimeoutError{Name: "tick", Limit: max(room, 0), RetryAfter: left}
			}
		}
		t.pause(ctx, left, onFakeClock(now))
		// Whatever ended the pause, a tick that is there is taken; and if it
		// was another caller who took it, there may be time for the next.
		if due, now = t.take(); due.After(now) {
			if err := ctxerr.Of(ctx); err != nil {
				return time.Time{}, err
			}
		}
	}
	return due, nil
}

// pause lets d pass, or ends with ctx.
func (t *Ticker) pause(ctx context.Context, d time.Duration, fake bool) {
	var timer *time.Timer
	if !fake {
		timer = t.spare.Swap(nil)
	}
	if timer == nil {
		timer = time.NewTimer(d)
	} else {
		timer.Reset(d)
	}
	select {
	case <-timer.C:
	case <-ctx.Done():
		timer.Stop()
	}
	if !fake {
		t.spare.CompareAndSwap(nil, timer)
	}
}

// take takes the next tick if it is due. If not, due comes after now, and that
// is to be waited for.
func (t *Ticker) take() (due, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now = time.Now() // under the lock, so that it never goes back
	if seen := t.mu.seen; seen.IsZero() || now.Before(seen) || onFakeClock(now) != onFakeClock(seen) {
		first := now
		if !t.Immediate {
			first = now.Add(t.Every)
		}
		t.moveLocked(first)
	}
	t.mu.seen = now
	t.skipLocked(now)
	due = t.mu.grid.Add(t.mu.late)
	switch {
	case due.After(now):
	case t.Delay:
		t.moveLocked(now.Add(t.Every))
	default:
		t.moveLocked(t.mu.grid.Add(t.Every))
	}
	return due, now
}

// skipLocked drops what was missed and is not made up for.
func (t *Ticker) skipLocked(now time.Time) {
	if t.Delay || t.Burst < 0 {
		return
	}
	missed := now.Sub(t.mu.grid) / t.Every // how many periods are over
	if drop := missed - time.Duration(t.Burst); drop > 0 {
		t.mu.dropped += uint64(drop)
		t.moveLocked(t.mu.grid.Add(drop * t.Every))
	}
}

// moveLocked makes the tick of the period that begins at grid the next one.
func (t *Ticker) moveLocked(grid time.Time) {
	t.mu.grid, t.mu.late = grid, 0
	if t.Jitter > 0 {
		t.mu.late = time.Duration(rand.Int64N(int64(t.Jitter)))
	}
}
