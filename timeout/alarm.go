package timeout

// This file holds what a Timer has of package time.

import "time"

// alarm is a timer of package time, and how many calls of its func are on their
// way for nothing: those that had been started, and wait for the lock, when the
// timer was moved or stopped. Counting is enough. If a stale call and a good one
// are both on their way, the time of the good one has come, and it does not
// matter which of the two is taken for it. The lock of a Timer guards all of it.
type alarm struct {
	timer *time.Timer   // nil until it is needed
	fake  bool          // timer is of a bubble, whose border it must not cross
	isSet bool          // a call is to come that is not stale
	d     time.Duration // that it was last set to
	stale int
}

// make makes the timer, which calls f for each firing.
func (a *alarm) make(d time.Duration, f func()) {
	if a.isSet { // a call at once is on its way, and there was no timer to ask
		a.stale++
	}
	a.fake = inBubble()
	a.isSet, a.d = true, d
	a.timer = time.AfterFunc(d, f)
}

// set moves the firing that is to come, or brings one about.
func (a *alarm) set(d time.Duration) {
	if !a.timer.Reset(d) && a.isSet {
		a.stale++
	}
	a.isSet, a.d = true, d
}

// setNow is set for what is called at once: the caller does that. A timer without
// delay would do as well, if package time's did not crash the race detector in a
// bubble (seen in Go 1.26.8).
func (a *alarm) setNow() {
	if a.isSet {
		a.stop()
	}
	a.isSet, a.d = true, 0
}

// stop prevents the firing that is to come.
func (a *alarm) stop() {
	if a.timer == nil || !a.timer.Stop() {
		a.stale++
	}
	a.isSet = false
}

// fired is the beginning of every call, and reports whether it is not stale.
func (a *alarm) fired() bool {
	if a.stale > 0 {
		a.stale--
		return false
	}
	a.isSet = false
	return true
}

// enter is the beginning after a leave. In a bubble, a timer from outside of it
// would keep to real time.
func (a *alarm) enter() {
	if a.timer != nil && inBubble() {
		a.timer = nil
	}
}

// leave is the end of all firings for now. The next one may be of another bubble
// or of none, which a timer of this one must not see.
func (a *alarm) leave() {
	if a.isSet {
		a.stop()
	}
	if a.fake {
		a.timer = nil
	}
}
