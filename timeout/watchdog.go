package timeout

// This file holds the idle timer that is cheap to touch.
//
// A timer that every event resets reads the clock and takes the timer's lock
// each time, to move a moment that hardly ever comes. Here an event only sees to
// it that somebody looks later, and what has been seen to need not be done again
// until then. One word says how things are:
//
//	 63                                    2        1       0
//	+--------------------------------------+--------+-------+
//	| calls in flight                      | inFunc | quiet |
//	+--------------------------------------+--------+-------+
//
// InFunc is Func itself, which counts like a call. Quiet says that nothing has
// happened since the last look. It is only ever set and cleared under the lock,
// and what the timer is armed for goes with it:
//
//	at rest   !quiet, no watch    no timer
//	quiet     quiet               the timer is armed for due
//	stirred   !quiet, a watch     the timer is armed for a look, Idle/16 after
//	                              the first event
//
//	at rest -> quiet    Start; due in Idle
//	quiet   -> stirred  stir, by the first Touch, or the End of the last call
//	stirred -> quiet    look; due in Idle
//	quiet   -> quiet    look, at due, with a call in flight; due in Idle again
//	quiet   -> at rest  look, at due, with none: the one way to Func
//	any     -> at rest  Stop
//
// Never early: a look sets quiet first and then reads the clock, from which Idle
// counts. A Touch that finds quiet cleared, and so does nothing, has its load
// before that, in the one order of all atomic operations, and one that comes
// later finds quiet set, and stirs. So a Touch is either before the reading
// that Func waits Idle from, or it stirs, and then due means nothing any more. A
// call in flight shows in the same word that the way to Func has to swap, so it
// can't slip in, and the last End clears quiet before it takes its call away:
// there is no moment in between at which the word says that nothing has
// happened.
//
// Late by at most Idle/16: the first event arms the look, so each event that
// relies on it comes before it, and no more than that.
//
// The tempting simpler version has no stir: a timer that looks every Idle/16,
// and a Touch that clears a flag. It is as exact, but wakes up sixteen times
// for every Idle that nothing happens in, which is the state that most
// connections of a server are in.

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	quiet    = 1 << iota // nothing has happened since the last look
	inFunc               // Func runs
	inFlight             // one call is
)

// looks is how many times in Idle a watch looks at most, and so the share of
// Idle that Func may be late by.
const looks = 16

// Watchdog calls Func when nothing has happened for Idle: an idle timer, for a
// connection, a worker, a stream. What happens is told by [Watchdog.Touch], or,
// for what takes some time, by [Watchdog.Begin] and [Watchdog.End]. Touch costs
// about as much as reading a variable, on any number of goroutines; a time.Timer
// that is Reset instead reads the clock each time.
//
// Func is called at least Idle after the last event, and at most Idle/16, or one
// nanosecond, later than that, plus what a busy scheduler adds. An event counts
// from a moment between the call of its method and the return. Func is never
// called while a call is in flight; a call that begins after that does not call
// Func back.
//
// A watch is one period of watching: it begins with [Watchdog.Start], and ends
// when Func is called, which it is once, or with [Watchdog.Stop]. Func runs on a
// goroutine of its own. There are never two of them at once: a Func that runs
// counts as a call in flight for a watch that is started meanwhile, also by Func
// itself, so that Idle counts from its return. If Func panics, the process
// crashes.
//
// The zero Watchdog needs Idle and Func. All methods may be called concurrently.
// Calls in flight are counted without a watch, too; touches are not kept. A
// Watchdog must not be copied after first use; go vet reports copies.
//
// A watch owns one timer and no goroutine. It wakes up once in Idle while
// nothing happens, or while one call goes on, and up to sixteen times where
// there is always something. It is kept, with all that Func refers to, until it
// ends: one that nobody stops calls Func.
//
// A watch belongs to the testing/synctest bubble in which it was started, or to
// the outside, and its Func is called there; it must have ended when the bubble
// does. The Watchdog may then be started elsewhere. Touched from elsewhere, a
// watch may be late by up to Idle.
//
// In the terms of the Go memory model, Start, and every Begin and End before
// Func is called, are synchronized before the call, and the return of Func
// before the next call of it. A Touch is synchronized with nothing.
type Watchdog struct {
	// Idle is how long nothing may happen. It must be positive, and must not be
	// changed while a Start may be going on; a watch keeps the one that it was
	// started with.
	Idle time.Duration

	// Func is called when nothing has happened for Idle. It must not be nil;
	// otherwise as Idle.
	Func func()

	state atomic.Uint64 // as drawn above

	mu struct {
		sync.Mutex
		watch *watch // nil at rest
	}
}

// watch is one period of watching. Its fields are guarded by the lock of the
// Watchdog; all but due are set once.
type watch struct {
	idle  time.Duration
	f     func()
	fake  bool // started in a bubble
	timer *time.Timer
	due   time.Time // if quiet: the earliest moment for f
}

// Start begins a watch: Func will be called when nothing happens for Idle from
// now on. One that is going on is stopped; so each Start gives Func another
// Idle. Start panics if Idle is not positive or Func is nil, and changes nothing
// then.
func (w *Watchdog) Start() {
	if w.Idle <= 0 {
		panic("timeout: Watchdog with an Idle that is not positive")
	}
	if w.Func == nil {
		panic("timeout: Watchdog without a Func")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLocked()
	w.state.Or(quiet)
	now := time.Now()
	// Nothing of the last watch is used again, least of all its timer, which
	// may belong to a bubble.
	this := &watch{idle: w.Idle, f: w.Func, fake: onFakeClock(now), due: now.Add(w.Idle)}
	this.timer = time.AfterFunc(this.idle, func() { w.look(this) })
	w.mu.watch = this
}

// Touch says that something has happened. Without a watch, as after a Stop or
// when Func has been called, it does nothing: only [Watchdog.Start] begins one.
func (w *Watchdog) Touch() {
	if w.state.Load()&quiet != 0 {
		w.stir()
	}
}

// Begin says that a call begins: until its [Watchdog.End], Func is not called.
// Calls may overlap, and may begin and end on different goroutines.
func (w *Watchdog) Begin() { w.state.Add(inFlight) }

// End says that a call has ended, which counts as a [Watchdog.Touch]. It panics
// if there is none.
func (w *Watchdog) End() { w.leave(inFlight) }

// Stop ends the watch, and reports whether it has: if so, Func was not called
// for it, and will not be. Otherwise Func has been called, and may be running,
// or there was no watch. Stop does not wait for Func.
func (w *Watchdog) Stop() (stopped bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.endLocked()
}

// endLocked ends the watch if there is one.
func (w *Watchdog) endLocked() bool {
	this := w.mu.watch
	if this == nil {
		return false
	}
	if this.native(time.Now()) {
		this.timer.Stop() // a look that is on its way finds another watch, or none
	}
	w.mu.watch = nil
	w.state.And(^uint64(quiet))
	return true
}

// stir has somebody look, since something happens. It clears quiet last, so
// that nobody relies on a look that is not armed yet.
func (w *Watchdog) stir() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.Load()&quiet == 0 {
		return // somebody else has, or the watch is over
	}
	if this := w.mu.watch; this.native(time.Now()) {
		// Not at once, even for an Idle that is too short to be divided: in a
		// bubble, where such a timer runs on this goroutine, the race detector
		// of Go 1.26 may crash.
		this.timer.Reset(max(this.idle/looks, 1))
	}
	w.state.And(^uint64(quiet))
}

// leave takes one call away, or the running Func. The last of them stirs first:
// after that, nothing has happened.
func (w *Watchdog) leave(what uint64) {
	for {
		s := w.state.Load()
		if s < what {
			panic("timeout: End without Begin")
		}
		if s == what|quiet {
			w.stir()
			continue
		}
		if w.state.CompareAndSwap(s, s-what) {
			return
		}
	}
}

// look is what the timer calls, on a goroutine of its own, which ends with it.
func (w *Watchdog) look(this *watch) {
	if w.ends(this) {
		// Func may leave by a Goexit.
		defer w.leave(inFunc)
		this.f()
	}
}

// ends reports whether this watch is over because nothing has happened. If not,
// it arms the timer.
func (w *Watchdog) ends(this *watch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.watch != this {
		return false
	}
	s := w.state.Or(quiet)
	now := time.Now() // not before quiet is set
	switch {
	case s == quiet && now.Before(this.due):
		// The timer had fired when a stir moved it, so that it fired twice, and
		// the other look came first. It is armed for due, as always if quiet.
		return false
	case s == quiet && w.state.CompareAndSwap(quiet, inFunc):
		w.mu.watch = nil
		return true
	}
	this.due = now.Add(this.idle)
	this.timer.Reset(this.idle)
	return false
}

// native reports whether now is of the clock that the watch runs on. A timer of
// a bubble must not be touched from outside, which would be fatal, and one from
// outside would be armed for a time of the bubble's.
func (running *watch) native(now time.Time) bool { return running.fake == onFakeClock(now) }
