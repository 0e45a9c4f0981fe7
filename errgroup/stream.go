package errgroup

// This file is Stream: a group over a sequence whose results are a sequence
// again, handed out while the tasks run.

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"github.com/belay-go/belay/internal/ctxerr"
)

// Stream returns the sequence of the results of f for the items of seq, in the
// order of seq, or as they come if o.Unordered is set. Nothing happens before
// somebody ranges over it; then at most o.Limit calls of f run at once, and
// results come while others are being worked on. For Stream an absent limit,
// zero or negative, means [runtime.GOMAXPROCS](0).
//
// The buffer is bounded: at most o.Limit items are inside f, or finished and not
// handed out. While the loop's body works on a result and lets the others wait,
// f comes to rest as well, and no item is taken from seq.
//
// If all goes well every pair has a nil error. Otherwise the error is in the
// last pair, beside a zero R. Once a call of f has failed, no item is taken any
// more and the context of the others is cancelled; they are waited for, then
// come the results that are there: in the order of seq those of all items
// before the first that did not succeed, or, unordered, of all that did. Then
// comes the error, the first one that there was; by then nothing runs any more,
// and seq has ended too. If
// ctx ends instead, the same happens, and the error says how and why it ended:
// Is of both ctx.Err() and context.Cause(ctx). If seq was exhausted and every
// item succeeded there is no error even if ctx is done by then. With a ctx that
// is done when the range begins, the error is the only pair, and seq is not
// started.
//
// A loop that is left early, by a break, a return, a panic or a
// [runtime.Goexit], cancels the context of what runs and waits for it before it
// goes on. A panic in f crashes the process and a Goexit there is
// [belay.ErrGoexit], as in every group that [New] makes. Stream itself panics
// if f or seq is nil.
//
// seq runs in turns with the loop's body, by [iter.Pull], and never at the same
// time: no goroutine is started for it. So a seq that waits for its next item
// holds up the loop, results that are ready included, and one that waits for
// ctx should end with it. Its panics and Goexits come out of the loop. The loop
// must not lock or unlock its thread in its body: the next turn of seq needs
// the same state.
//
// The sequence may be ranged over several times and concurrently, if that holds
// for seq: each range runs everything anew, in a group of its own, made by New
// with o. What happens before seq yields an item is visible to its f, and what
// that does is visible to the body that gets the result.
func Stream[T, R any](ctx context.Context, o Options, seq iter.Seq[T], f func(ctx context.Context, item T) (R, error)) iter.Seq2[R, error] {
	if f == nil {
		panic("errgroup: Stream with a nil func")
	}
	if seq == nil {
		panic("errgroup: Stream with a nil sequence")
	}
	return func(yield func(R, error) bool) {
		o := o
		if o.Limit <= 0 {
			o.Limit = runtime.GOMAXPROCS(0)
		}
		if err := ctxerr.Of(ctx); err != nil {
			yield(*new(R), err)
			return
		}
		s := &stream[T, R]{outer: ctx, f: f, room: o.Limit, unordered: o.Unordered}
		s.wake.L = &s.mu
		run, stop := context.WithCancel(ctx)
		s.g, s.ctx = New(run, o)
		unwatch := context.AfterFunc(s.ctx, s.end)
		next, halt := iter.Pull(seq)
		// However the range ends: first the tasks learn of it, then seq comes
		// to its own end, and then the tasks are waited for.
		defer func() { _ = s.g.Wait() }()
		defer halt()
		defer stop()
		defer unwatch()
		s.each(next, halt, yield)
	}
}

// stream is one range over a Stream. Fields without a word belong to the
// goroutine that ranges.
type stream[T, R any] struct {
	outer     context.Context // the caller's
	g         *Group
	ctx       context.Context // of the group
	f         func(context.Context, T) (R, error)
	unordered bool

	room      int        // jobs that may be started
	pending   int        // jobs that were started and not handed out
	exhausted bool       // seq has no more items, and all were started
	started   jobs[T, R] // in order: the pending jobs, oldest first
	free      *job[T, R] // those that may be used again

	mu struct {
		sync.Mutex
		ready   jobs[T, R] // unordered: the successful jobs, oldest success first
		awaited *job[T, R] // in order: the one that the range waits for
		ended   bool       // the context is done
	}
	wake sync.Cond // signalled when what the range waits for is there
}

// job is one item on its way through f. It belongs to its task until that has
// set ok, and to the range afterwards.
type job[T, R any] struct {
	s      *stream[T, R]
	next   *job[T, R]
	run    func() error // work, bound once
	item   T
	result R
	ok     bool // guarded by the stream's mu
}

// each hands out all results, and the error.
func (s *stream[T, R]) each(next func() (T, bool), halt func(), yield func(R, error) bool) {
	for {
		s.fill(next)
		j := s.take()
		if j == nil {
			break
		}
		result := j.result
		s.recycle(j)
		if !yield(result, nil) {
			return
		}
	}
	err := s.g.Wait()
	if err == nil && !(s.exhausted && s.pending == 0) {
		err = ctxerr.Of(s.outer)
	}
	if err != nil {
		halt()
		yield(*new(R), err)
	}
}

// fill starts jobs as long as there is room.
func (s *stream[T, R]) fill(next func() (T, bool)) {
	for s.room > 0 && !s.exhausted && s.ctx.Err() == nil {
		item, ok := next()
		if !ok {
			s.exhausted = true
			return
		}
		s.room--
		s.pending++
		j := s.job()
		j.item = item
		if !s.unordered {
			s.started.push(j)
		}
		s.g.Go(j.run)
	}
}

// take returns the next successful job, or nil if none will come.
func (s *stream[T, R]) take() *job[T, R] {
	if s.pending == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.mu.ended && !s.readyLocked() {
		s.wake.Wait()
	}
	if s.mu.ended {
		s.mu.Unlock()
		_ = s.g.Wait() // then no job changes any more
		s.mu.Lock()
	}
	if !s.readyLocked() {
		return nil
	}
	return s.lineLocked().pop()
}

func (s *stream[T, R]) lineLocked() *jobs[T, R] {
	if s.unordered {
		return &s.mu.ready
	}
	return &s.started
}

// readyLocked reports whether the next result is there, and otherwise has the
// range woken when it is.
func (s *stream[T, R]) readyLocked() bool {
	first := s.lineLocked().first
	if first == nil || first.ok {
		return first != nil
	}
	s.mu.awaited = first
	return false
}

// end lets the range know that the context is done.
func (s *stream[T, R]) end() {
	s.mu.Lock()
	s.mu.ended = true
	s.mu.Unlock()
	s.wake.Signal()
}

// work is a job's task. A job without success says nothing: the context ends
// because of it, or has ended, and then f is not called.
func (j *job[T, R]) work() error {
	s := j.s
	if s.ctx.Err() != nil {
		return nil
	}
	result, err := s.f(s.ctx, j.item)
	if err != nil {
		return err
	}
	s.mu.Lock()
	j.result, j.ok = result, true
	wake := s.unordered || s.mu.awaited == j
	if s.unordered {
		s.mu.ready.push(j)
	}
	s.mu.Unlock()
	if wake {
		s.wake.Signal()
	}
	return nil
}

// job returns a job to fill.
func (s *stream[T, R]) job() *job[T, R] {
	j := s.free
	if j == nil {
		j = &job[T, R]{s: s}
		j.run = j.work
		return j
	}
	s.free, j.next = j.next, nil
	return j
}

// recycle keeps j, which was handed out, for another item.
func (s *stream[T, R]) recycle(j *job[T, R]) {
	s.room++
	s.pending--
	*j = job[T, R]{s: s, run: j.run, next: s.free}
	s.free = j
}

// jobs is a first-in first-out list of jobs.
type jobs[T, R any] struct{ first, last *job[T, R] }

func (l *jobs[T, R]) push(j *job[T, R]) {
	if l.first == nil {
		l.first = j
	} else {
		l.last.next = j
	}
	l.last = j
}

func (l *jobs[T, R]) pop() *job[T, R] {
	j := l.first
	l.first, j.next = j.next, nil
	return j
}
