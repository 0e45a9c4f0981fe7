package errgroup

// This file is First: a group that is done when one of its tasks has succeeded.

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/belay-go/belay/internal/ctxerr"
)

// First calls every func of fs, at most o.Limit at once and in their order, and
// returns the result of the first one that succeeds. Then the context of the
// others is cancelled, with [context.Canceled] as its cause, no more of them are
// started, and those that run are waited for; what they still return is
// dropped. The group is made by [New] with o. With o.Limit one, each func is
// the fallback of the one before it; with two, one spare is always under way.
//
// A failure cancels nothing. If all fail, the error of a single func is
// returned as it is; several are one error whose text names how many there
// were, and which wraps the first eight of them, or the first o.Errors if that
// is positive, for [errors.Is] and [errors.As], in the order in which they came,
// a Goexit before all others.
//
// If ctx ends before one has succeeded or all have failed, the error says how
// and why ctx ended: Is of both ctx.Err() and context.Cause(ctx). A success
// that is there by the time the last func has returned counts all the same.
// With a ctx that is done already First returns the error at once and calls
// nothing.
//
// A panic in a func crashes the process, as in every group that New makes; a
// [runtime.Goexit] is a failure with [belay.ErrGoexit] of that func alone.
// First itself panics, before it starts anything, if fs is empty or one of them
// is nil.
//
// What happens before the call of First is visible to every func, and what they
// do is visible when it returns. First may be called concurrently.
func First[R any](ctx context.Context, o Options, fs ...func(ctx context.Context) (R, error)) (R, error) {
	if len(fs) == 0 {
		panic("errgroup: First without a func")
	}
	for _, f := range fs {
		if f == nil {
			panic("errgroup: First with a nil func")
		}
	}
	if err := ctxerr.Of(ctx); err != nil {
		return *new(R), err
	}
	r := race[R]{outer: ctx}
	r.mu.failures.most = keptFailures
	if o.Errors > 0 {
		r.mu.failures.most = o.Errors
	}
	o.SkipDone = false // who wins is what counts
	r.inner, r.stop = context.WithCancel(ctx)
	defer r.stop()
	// The funcs get the context that only the winner ends, and not the group's:
	// a Goexit ends that.
	g, _ := New(r.inner, o)
	for _, f := range fs {
		g.Go(func() error { return r.run(f) })
	}
	return r.end(len(fs), g.Wait())
}

// race is what the funcs of one First share.
type race[R any] struct {
	outer, inner context.Context // the caller's, and the one of the funcs
	stop         func()          // ends inner, called without the lock

	mu struct {
		sync.Mutex
		won      bool
		result   R
		failures failures
		early    int // failures that came before the caller's context ended
	}
}

// run is one func's task. Its error is kept from the group, for which it would
// be the end.
func (r *race[R]) run(f func(context.Context) (R, error)) error {
	if r.inner.Err() != nil {
		return nil
	}
	returned := false
	defer func() {
		if !returned { // a Goexit or a panic: the group knows which
			r.fail(nil)
		}
	}()
	result, err := f(r.inner)
	returned = true
	if err != nil {
		r.fail(err)
	} else {
		r.win(result)
	}
	return nil
}

func (r *race[R]) win(result R) {
	r.mu.Lock()
	if !r.mu.won {
		r.mu.won, r.mu.result = true, result
	}
	r.mu.Unlock()
	r.stop()
}

func (r *race[R]) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.failures.add(err)
	if r.outer.Err() == nil {
		r.mu.early++
	}
}

// end is the outcome, once all has ended. What a task of the group left with is
// in err.
func (r *race[R]) end(funcs int, err error) (R, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.won {
		return r.mu.result, nil
	}
	if r.mu.early < funcs {
		if done := ctxerr.Of(r.outer); done != nil {
			return *new(R), done
		}
	}
	return *new(R), r.mu.failures.join(err)
}

// keptFailures is how many errors of many First's error wraps, if nothing else
// was asked for.
const keptFailures = 8

// failures is the error of a First of which every func has failed.
type failures struct {
	most  int     // errors to keep
	errs  []error // the first of them
	total int
}

// add counts a failure, and keeps its error if there is one and room.
func (f *failures) add(err error) {
	f.total++
	if err != nil && len(f.errs) < f.most {
		f.errs = append(f.errs, err)
	}
}

// join returns all of it as one error, led by err, if there is one: it is the
// error of a func that added none.
func (f *failures) join(err error) error {
	if err != nil {
		f.errs = append([]error{err}, f.errs...)
		f.errs = f.errs[:min(len(f.errs), f.most)]
	}
	if f.total == 1 && len(f.errs) == 1 {
		return f.errs[0]
	}
	return &failures{f.most, f.errs, f.total}
}

// Error says how many failed, and how, on one line.
func (f *failures) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "errgroup: all %d failed", f.total)
	separator := ": "
	for _, err := range f.errs {
		b.WriteString(separator + err.Error())
		separator = "; "
	}
	if more := f.total - len(f.errs); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As reach those that are kept.
func (f *failures) Unwrap() []error { return f.errs }
