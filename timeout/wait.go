package timeout

// This file holds the wait for a sync.WaitGroup, for code that can't change
// the type of its group.

import (
	"runtime"
	"sync"
	"time"
)

// A helper that has begun needs a few instructions to see a counter that is
// zero, but the operating system may interrupt it in between. A wait of at least
// enough is taken for a time in which it gets over that. A shorter one has its
// helper looked for several times more, so that an interruption of the whole
// process does not use up all of that time at once.
const (
	enough = 20 * time.Millisecond
	more   = time.Millisecond
	rounds = 4   // of yields and then a sleep
	yields = 100 // in each; most helpers need one
)

// Wait waits until the counter of wg is zero, but no longer than d, and reports
// whether it gave up. Prefer a [WaitGroup]: a sync.WaitGroup offers no wait
// that can be ended, so Wait has to leave one running.
//
//   - A helper goroutine waits for wg. It ends when the counter reaches zero,
//     which may be long after a Wait that timed out, or never.
//   - After a Wait that timed out, wg must not be used for a new round, that
//     is, nothing may be added to it once its counter has reached zero: for
//     package sync the helper is a waiter that has not returned, and it panics.
//   - False is a proof that the counter was zero; true is none of the opposite,
//     for package sync has no call that could prove it. All that Wait can do is
//     to leave the helper enough time to see a zero. So where d is less than
//     20 ms, also zero or negative, and no zero is seen, Wait takes about 1 ms
//     more before it says so, which is enough on all but a stalled machine. A
//     [WaitGroup]'s WaitTimeout is exact, and with a d that has passed it doesn't
//     wait.
//
// What happens before the Done that brings the counter to zero happens before a
// return of false. Wait may be called concurrently, and panics if wg is nil. In
// a testing/synctest bubble the wait is durable if a sync.WaitGroup's own is,
// which it is not for a variable at package level, and a d that has passed lets
// no time pass: there the helper gets its turns by yields.
func Wait(wg *sync.WaitGroup, d time.Duration) (timedOut bool) {
	if wg == nil {
		panic("timeout: Wait of a nil WaitGroup")
	}
	begun, zero := make(chan struct{}), make(chan struct{})
	go func() { // ends when the counter reaches zero
		close(begun)
		wg.Wait()
		close(zero)
	}()
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-zero:
			return false
		case <-timer.C:
		}
	}
	<-begun
	if atThisInstant(func() bool { return closed(zero) }) { // both may have come together
		return false
	}
	// In a bubble the helper has had its turns, and a sleep would move the clock.
	return d >= enough || inBubble() || !seenLate(zero)
}

// seenLate gives a helper that has begun the time to see a zero, and reports
// whether it has.
func seenLate(zero <-chan struct{}) bool {
	for range rounds {
		for range yields {
			if closed(zero) {
				return true
			}
			runtime.Gosched()
		}
		time.Sleep(more / rounds)
	}
	return closed(zero)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
