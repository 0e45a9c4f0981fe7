package graceful

// What a signal means, given those that came before it.

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// sameSignal is the time within which a signal that comes again is the same
// one: a terminal or an init process sends it to the group and to the pid.
const sameSignal = 200 * time.Millisecond

// A SignalError is the cause of a stop that a signal began, and, with Again,
// the cause of a cut that a second SIGINT forced. It is found with
// [context.Cause] and in [Report.Cause]. It is immutable.
type SignalError struct {
	Signal os.Signal // the one received
	Again  bool      // it came again and forced the end
}

// Error names the signal.
func (e *SignalError) Error() string {
	if e.Again {
		return fmt.Sprintf("graceful: forced by a second signal: %v", e.Signal)
	}
	return fmt.Sprintf("graceful: signal: %v", e.Signal)
}

// defaultSignals leaves SIGQUIT to Go's stack dump.
func defaultSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// verdict is what a signal leads to.
type verdict uint8

const (
	sameAgain  verdict = iota // nothing: the echo of one already counted
	firstOfAll                // begin the stop
	repeated                  // say how much time is left
	second                    // cut everything
)

// signalLog remembers when each signal last came. It is owned by the goroutine
// of Run.
type signalLog struct {
	forceOnTerm bool // a second SIGTERM is a second SIGINT

	last       map[os.Signal]time.Time
	interrupts int
	terms      int
}

// take counts one signal that came at now.
func (l *signalLog) take(sig os.Signal, now time.Time) verdict {
	last, seen := l.last[sig]
	if l.last == nil {
		l.last = map[os.Signal]time.Time{}
	}
	first := len(l.last) == 0
	if seen && now.Sub(last) < sameSignal {
		return sameAgain
	}
	l.last[sig] = now
	if sig == os.Interrupt {
		if l.interrupts++; l.interrupts > 1 {
			return second
		}
	}
	if sig == syscall.SIGTERM && l.forceOnTerm {
		if l.terms++; l.terms > 1 {
			return second
		}
	}
	if first {
		return firstOfAll
	}
	return repeated
}
