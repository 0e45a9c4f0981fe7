package graceful

// The stop: phases in reverse, every component within its time, what doesn't
// end is cut, and what isn't ended by that is left and named.

import (
	"context"
	"errors"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
)

// stop stops all that was launched.
func (r *run) stop() {
	since, cause := r.m.reason()
	r.tellStopping(since, cause)
	r.tellLeaving(cause)
	r.log.Info("graceful: stopping", "cause", cause)
	r.cancelStart(cause)
	r.closeUnused()
	var phases [][]*part // in the order in which they stop
	var limits []time.Duration
	for _, parts := range slices.Backward(r.phases) {
		parts = slices.DeleteFunc(slices.Clone(parts), func(p *part) bool { return !p.launched })
		if len(parts) > 0 {
			phases = append(phases, parts)
			limits = append(limits, phaseLimit(parts))
		}
	}
	r.budget = newBudget(r.m.total(cause), len(phases), since)
	r.follow(r.budget.schedule(since))
	defer r.unfollow()
	r.preStop(cause, phases, limits)
	for i, parts := range phases {
		if anySocket(phases[i:]) {
			r.m.enter(stateDraining)
		} else {
			r.m.enter(stateStopping)
		}
		window := r.budget.window(time.Now(), limits[i:])
		for _, p := range parts {
			if !r.m.handedOn(p) {
				go r.stopPart(p, cause, window) // ends within window, plus cutTime if forced
			}
		}
		r.until(func() bool {
			for _, p := range parts {
				if p.result == nil {
					return false
				}
			}
			return true
		})
	}
	r.awaitHeir()
}

// closeUnused closes the sockets of components that will not be started.
func (r *run) closeUnused() {
	for _, parts := range r.phases {
		for _, p := range parts {
			if p.ln != nil && !p.launched {
				_ = p.ln.Close()
			}
		}
	}
}

func anySocket(phases [][]*part) bool {
	for _, parts := range phases {
		for _, p := range parts {
			if p.ln != nil {
				return true
			}
		}
	}
	return false
}

// stopPart stops one component within its window, cuts it if need be, and
// notes how it went.
func (r *run) stopPart(p *part, cause error, window time.Duration) {
	began := time.Now()
	limit, grace := split(window, p.Limit)
	ctx, cancel := r.bounded(p.Name, limit)
	defer cancel()

	busy := r.m.stopping(p, limit)
	close(p.draining)
	if !busy {
		p.cancel(cause)
		if p.ln != nil {
			_ = p.ln.Close()
		}
		r.m.resolve(p, Result{Outcome: "stopped"})
		return
	}
	if p.drain != nil {
		p.drain(limit, cause)
	}
	// Whoever has no time left is asked to stop all the same: what is written
	// out last is often all that is known of why.
	hook := contain(ctx, func() error { return r.orderly(ctx, p, cause) })
	if waitFor(ctx, hook.done) && waitFor(ctx, p.ended) && p.pre.ended(ctx) && (hook.err == nil || ctx.Err() == nil) {
		res := Result{Outcome: "stopped", Used: time.Since(began), Err: hook.err}
		left := hook.left
		if p.pre != nil && left == nil {
			left = p.pre.left
		}
		res.Where, res.Stacks = where(left), printStacks(left, mostStacks)
		r.m.resolve(p, res)
		return
	}
	why := context.Cause(ctx)
	before, cut := r.m.look(time.Time{}, p.Name)[p.Name], time.Now()
	outcome, err := r.cut(p, hook, why, max(grace, leastTime))
	res := Result{Outcome: outcome, Used: time.Since(began), Err: err}
	r.hung(p, &res, before, cut)
	r.m.resolve(p, res)
}

// bounded returns the context of one stop: its end is that of the limit, or
// the second SIGINT.
func (r *run) bounded(name string, limit time.Duration) (context.Context, context.CancelFunc) {
	base := labelled(r.stopCtx, name)
	if limit == forever {
		return context.WithCancel(base)
	}
	return context.WithTimeoutCause(base, limit,
		&ctxutil.TimeoutError{Name: name, Limit: limit, Elapsed: limit})
}

// orderly is the stop as it should go.
func (r *run) orderly(ctx context.Context, p *part, cause error) error {
	if p.ln != nil {
		p.ln.end(time.Now())
		p.join(ctx)
	}
	p.cancel(cause)
	if !waitFor(ctx, p.begun) {
		return context.Cause(ctx)
	}
	if p.Stop == nil || !r.m.stoppable(p) {
		return nil
	}
	return p.Stop(ctx)
}

// join waits for the end of accepting, then for Serve.
func (p *part) join(ctx context.Context) {
	accepting, cancel := context.WithTimeout(ctx, settleMost+joinTime)
	defer cancel()
	select {
	case <-p.ln.ended():
	case <-p.ended:
	case <-accepting.Done(): // nobody accepts
	}
	p.ln.retire()
	serving, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	waitFor(serving, p.ended)
	if a, ok := p.ln.(*acceptor); ok {
		a.dropHanded()
	}
}

// cut ends what did not stop in time, and tells whether that helped.
func (r *run) cut(p *part, hook *call, why error, grace time.Duration) (string, error) {
	soon, cancel := context.WithTimeout(r.ctx, grace)
	defer cancel()
	p.cancel(why)
	cut := contain(p.ctx, func() error {
		if p.ln != nil {
			_ = p.ln.Close()
		}
		switch {
		case p.abort != nil:
			p.abort(why)
		case p.Cut != nil:
			p.Cut()
		}
		return nil
	})
	outcome, errs := "cut", []error{why}
	for _, c := range []*call{hook, cut, p.pre} {
		switch {
		case c == nil:
		case !waitFor(soon, c.done):
			outcome = "stuck"
		case c == p.pre: // resolve asks it
		case c.err != nil && !errors.Is(c.err, why) && !errors.Is(c.err, context.Canceled) && !errors.Is(c.err, context.DeadlineExceeded):
			errs = append(errs, c.err)
		}
	}
	if !waitFor(soon, p.ended) {
		outcome = "stuck"
	}
	return outcome, errors.Join(errs...)
}

// A call is a function of the user's that runs on a goroutine of its own
// during the stop; the rest is there when done is closed.
type call struct {
	done chan struct{}
	err  error
	left []stack // where it panicked or called Goexit; nil: it returned
}

// ended waits for a call, which may be nil: none.
func (c *call) ended(ctx context.Context) bool { return c == nil || waitFor(ctx, c.done) }

// running reports whether a call, which may be nil: none, goes on.
func (c *call) running() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// failed returns the error of a call that is over; nil for any other.
func (c *call) failed() error {
	if c == nil || c.running() {
		return nil
	}
	return c.err
}

// contain calls f on a goroutine with the labels of ctx. The goroutine ends
// with f; a panic or Goexit of f becomes an error. If f never ends, neither
// does the goroutine: then the component is reported as stuck.
func contain(ctx context.Context, f func() error) *call {
	c := &call{done: make(chan struct{})}
	go func() {
		pprof.SetGoroutineLabels(ctx)
		defer close(c.done)
		returned := false
		defer func() {
			switch v := recover(); {
			case v != nil:
				c.err, c.left = &belay.PanicError{Value: v, Stack: debug.Stack()}, leaves("panic")
			case !returned:
				c.err, c.left = belay.ErrGoexit, leaves("Goexit")
			}
		}()
		c.err = f()
		returned = true
	}()
	return c
}

// waitFor waits for ch, or for the end of ctx: then it is false, unless ch is
// closed by then too.
func waitFor(ctx context.Context, ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
	}
	select {
	case <-ch:
		return true
	case <-ctx.Done():
		return false
	}
}
