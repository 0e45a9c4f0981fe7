package timeout

// This file holds the timer that can be moved, and says exactly what became of
// each arming.
//
//	rest     nothing is armed; last says how the last arming ended
//	pending  an arming waits for its deadline
//	due      its deadline has passed, and an earlier call of Func still runs
//
//	rest, pending, due -> pending              Reset
//	due     -> pending                         Extend
//	pending -> rest, and Func is called        the deadline
//	pending -> due                             the same, while Func runs
//	due     -> rest, and Func is called again  that call returns
//	pending, due -> rest                       Stop
//
// An arming ends once: it fires when Func is called (of a timer with a channel:
// when the time is received), or it is stopped or replaced before that.
//
// Underneath are timers of package time. To move one costs about what it costs
// to read the clock, and nearly every call moves a deadline to later. So the first
// timer is set without reading the clock, and nobody here knows when it is going
// to fire; but the deadline, after any number of calls, is
//
//	the sooner of notAfter and (the later of notBefore and that unknown time)
//
// To extend by x is to raise both bounds to at least x; to shrink to y is to
// lower notAfter to at most y; and a Reset to what the first timer was set to, or
// more, is an Extend that forgets what notAfter was. The reader may check that by
// cases. A bound needs work only when it passes: notBefore is looked at when the
// first timer fires, which is then set to what remains, and notAfter has a timer
// of its own, the second, which does the same.

import (
	"runtime"
	"strings"
	"sync"
	"time"
)

// Ending says how an arming of a [Timer] ended.
type Ending uint8

const (
	// Stopped is the ending by [Timer.Stop] before the arming could fire, and
	// what a Timer reports that was never armed.
	Stopped Ending = iota

	// Fired is the ending by its deadline: Func was called for this arming, and
	// may still run, or the channel's time was received.
	Fired

	// Replaced is the ending by a [Timer.Reset] before the arming could fire.
	Replaced
)

// String returns the name of the constant in lower case.
func (e Ending) String() string {
	switch e {
	case Stopped:
		return "stopped"
	case Fired:
		return "fired"
	case Replaced:
		return "replaced"
	}
	return "unknown ending"
}

// Timer calls a func, or sends on a channel, once for each time that it is
// armed. It can be armed anew, moved and stopped from any goroutine, and each
// call says exactly what it has done, which the results of a [time.Timer]'s
// Reset and Stop do not. All methods may be called concurrently, from Func too.
// A Timer must not be copied after first use; go vet reports copies.
//
// The zero value is a timer with a channel, [Timer.C]. To have a func called, set
// Func before the first use:
//
//	t := timeout.Timer{Func: connection.expire}
//	t.Reset(time.Minute)
//
// A Timer that is dropped while it is armed is kept, with what Func refers to,
// until it fires, as with [time.AfterFunc]; nothing else is left behind.
//
// What happens before a Reset happens before the call of Func for it. A call of
// Func happens before the return of a StopWait that waited for it, and before
// the next call of Func.
//
// In a testing/synctest bubble a Timer follows the bubble's clock, and at rest it
// may cross a bubble's border. The channel may not: it belongs to the bubble in
// which C was first called or the timer first fired.
type Timer struct {
	// Func is called on a goroutine of its own for each arming that fires, and
	// never while it still runs for an earlier one: then as soon as that has
	// returned. A panic in it crashes the process; [runtime.Goexit] ends the
	// call. It must not be changed after first use.
	Func func()

	mu struct {
		sync.Mutex
		state     timerState
		last      Ending // of the last arming; means something at rest
		first     alarm  // fires at the unknown time, and then at notBefore
		second    alarm  // fires at notAfter, or before if that was raised since
		notBefore instant
		notAfter  instant
		running   bool           // Func is
		calls     uint64         // of Func
		returned  sync.Cond      // of those who wait for that
		c         chan time.Time // with room for one; nil until it is needed
	}
}

type timerState uint8

const (
	rest timerState = iota
	pending
	due
)

// Reset arms the timer to fire d from now, and returns how the arming before
// ended: Replaced if it would have fired but for this call, Fired, or Stopped,
// also if there was none. A d that is zero or negative has already passed: the
// timer fires at once, and Func may be called before Reset returns.
func (t *Timer) Reset(d time.Duration) Ending {
	t.mu.Lock()
	before := t.mu.last
	if t.mu.state != rest || t.withdrawLocked() {
		before = Replaced
	}
	if t.mu.state == pending && d > 0 && d >= t.mu.first.d {
		t.postponeLocked(d)
	} else {
		t.armLocked(d)
	}
	t.mu.Unlock()
	return before
}

// Extend moves the deadline to d from now if that is later, and reports whether
// there was an arming that had not fired. If there was none, it arms nothing. A d
// that is zero or negative is not later, and changes nothing.
func (t *Timer) Extend(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case d <= 0: // nothing is sooner than that
		return t.unfiredLocked()
	case t.mu.state == pending:
		bound := now().in(d)
		t.mu.notBefore = max(t.mu.notBefore, bound)
		t.mu.notAfter = max(t.mu.notAfter, bound)
	case t.mu.state == due || t.withdrawLocked():
		t.armLocked(d)
	default:
		return false
	}
	return true
}

// Shrink moves the deadline to d from now if that is sooner, and reports whether
// there was an arming that had not fired. If there was none, it arms nothing. A d
// that is zero or negative has already passed: the timer fires at once.
func (t *Timer) Shrink(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.state != pending {
		return t.unfiredLocked()
	}
	d = max(d, 0)
	bound := now().in(d)
	if bound >= t.mu.notAfter {
		return true
	}
	t.mu.notAfter = bound
	t.setSecondLocked(d)
	return true
}

// Stop ends the arming, if there is one that has not fired, and returns how the
// last one ended: Stopped if Func has not been called for it and never will be,
// or Fired. It does not wait for a call of Func; [Timer.StopWait] does.
func (t *Timer) Stop() Ending {
	t.mu.Lock()
	ending := t.stopLocked()
	t.mu.Unlock()
	return ending
}

// StopWait is [Timer.Stop], and waits until Func has returned if it is being
// called. It can't be given up, as its point is that nothing of Func runs any
// longer; what Func does should come to an end.
//
// Called by a Func, this timer's or another's, it does not wait: the first would
// wait for itself, and two that stop each other for each other. A goroutine that
// Func starts, and waits for, must not call it.
func (t *Timer) StopWait() Ending {
	t.mu.Lock()
	defer t.mu.Unlock()
	ending := t.stopLocked()
	if t.mu.running && !insideFunc() {
		if t.mu.returned.L == nil { // once, as who is woken reads it without the lock
			t.mu.returned.L = &t.mu
		}
		for call := t.mu.calls; t.mu.running && call == t.mu.calls; {
			t.mu.returned.Wait()
		}
	}
	return ending
}

// C returns the channel on which the time is sent when the timer fires. It is
// always the same one, so no turn of a loop needs to make anything. A time that
// nobody has received is taken back by Reset, Stop, StopWait and an Extend to
// later, as if the timer had not fired, so nothing that is received is ever stale.
// C panics if Func is set.
func (t *Timer) C() <-chan time.Time {
	if t.Func != nil {
		panic("timeout: C of a Timer with a Func")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.channelLocked()
}

func (t *Timer) channelLocked() chan time.Time {
	if t.mu.c == nil {
		t.mu.c = make(chan time.Time, 1)
	}
	return t.mu.c
}

// unfiredLocked reports whether there is an arming that has not fired.
func (t *Timer) unfiredLocked() bool { return t.mu.state != rest || len(t.mu.c) > 0 }

// withdrawLocked takes a time back that nobody has received.
func (t *Timer) withdrawLocked() bool {
	if len(t.mu.c) == 0 {
		return false
	}
	select {
	case <-t.mu.c:
		return true
	default: // received in the meantime
		return false
	}
}

func (t *Timer) armLocked(d time.Duration) {
	if bubbles && t.mu.state == rest {
		t.mu.first.enter()
		t.mu.second.enter()
	}
	if t.mu.second.isSet {
		t.mu.second.stop()
	}
	t.mu.state = pending
	t.mu.notBefore, t.mu.notAfter = always, never
	t.setFirstLocked(d)
}

// postponeLocked is armLocked where the deadline can't become sooner: the first
// timer was set to no more than d, and that not later than now.
func (t *Timer) postponeLocked(d time.Duration) {
	if t.mu.second.isSet {
		t.mu.second.stop()
	}
	t.mu.notBefore, t.mu.notAfter = now().in(d), never
}

func (t *Timer) stopLocked() Ending {
	if t.mu.state != rest || t.withdrawLocked() {
		t.endLocked(Stopped)
	}
	return t.mu.last
}

// endLocked is the end of every arming but of a replaced one.
func (t *Timer) endLocked(ending Ending) {
	t.mu.state, t.mu.last = rest, ending
	t.mu.first.leave()
	t.mu.second.leave()
}

func (t *Timer) setFirstLocked(d time.Duration) {
	switch {
	case d <= 0:
		t.mu.first.setNow()
		go t.firstFired() // ends with Func
	case t.mu.first.timer == nil:
		t.mu.first.make(d, t.firstFired)
	default:
		t.mu.first.set(d)
	}
}

func (t *Timer) setSecondLocked(d time.Duration) {
	switch {
	case d <= 0:
		t.mu.second.setNow()
		go t.secondFired() // ends with Func
	case t.mu.second.timer == nil:
		t.mu.second.make(d, t.secondFired)
	default:
		t.mu.second.set(d)
	}
}

// firstFired and secondFired are called on goroutines of their own, mostly by
// package time, and end with the call of Func that they may make.
func (t *Timer) firstFired() {
	t.mu.Lock()
	if t.mu.first.fired() {
		if left := t.mu.notBefore.left(); left > 0 {
			t.setFirstLocked(left)
		} else {
			t.fireLocked()
		}
	}
	t.mu.Unlock()
}

func (t *Timer) secondFired() {
	t.mu.Lock()
	if t.mu.second.fired() {
		if left := t.mu.notAfter.left(); left > 0 {
			t.setSecondLocked(left)
		} else {
			t.fireLocked()
		}
	}
	t.mu.Unlock()
}

// fireLocked is the deadline of a pending arming. It gives up the lock while
// Func runs.
func (t *Timer) fireLocked() {
	if t.mu.state != pending {
		panic("BUG: timeout: a Timer fires that is not armed")
	}
	if t.Func == nil {
		t.endLocked(Fired)
		t.channelLocked() <- time.Now() // there is room: arming took back what was there
		return
	}
	if t.mu.running {
		t.endLocked(Stopped)
		t.mu.state = due // the call that runs sees to it
		return
	}
	for again := true; again; again = t.mu.state == due {
		t.callLocked()
	}
}

// callLocked ends the arming by calling Func.
func (t *Timer) callLocked() {
	t.endLocked(Fired)
	t.mu.running = true
	t.mu.calls++
	t.mu.Unlock()
	returned := false
	defer func() {
		if !returned {
			if value := recover(); value != nil {
				panic(value) // fatal here, with the stack of Func still to be seen
			}
		}
		t.mu.Lock()
		t.mu.running = false
		t.mu.returned.Broadcast()
		if !returned && t.mu.state == due {
			// Func has ended this goroutine, which can't call it again.
			t.armLocked(0)
		}
		if !returned {
			t.mu.Unlock()
		}
	}()
	t.Func()
	returned = true
}

// insideFunc reports whether the caller was called by a Timer's Func. Only the
// stack can tell, which is slow; it is asked only where somebody has to wait.
func insideFunc() bool {
	pcs := make([]uintptr, 32)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if strings.HasSuffix(f.Function, "/timeout.(*Timer).callLocked") {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
