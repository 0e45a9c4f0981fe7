package graceful

// What a run leaves behind for whoever asks why, and for the exit code.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// A Report says what became of every component. It is a plain value, complete
// when [Manager.Run] returns it, and shares nothing with the manager. One that
// [Manager.Report] returns before that is live: it says what is so far.
type Report struct {
	// State is the manager's at that time, in the words of [Manager.State],
	// and Since when it was entered; zero for "new". Run returns "done".
	State string
	Since time.Time

	// Cause is what began the stop: a *SignalError, a *ComponentError, the
	// cause of Run's context, or what was given to Stop. It is nil while there
	// is none.
	Cause error

	// Forced is the signal that cut the stop short; nil if none did.
	Forced os.Signal

	// Ready says whether the process has been ready.
	Ready bool

	// Generation is how many processes have handed on their place before this
	// one had it.
	Generation int

	// Began is when Run did; zero before.
	Began time.Time

	// Ran is the time from the beginning of Run to the cause, Took the time
	// from there to the end, Budget what it might have taken (negative:
	// anything). In a live report, Ran and Took end with that moment.
	Ran, Took, Budget time.Duration

	// Delay is how long the process would serve on after SIGTERM, Reserve what
	// the budget keeps for each phase whose turn to stop is yet to come, but
	// never more than its limit.
	Delay, Reserve time.Duration

	// Draining is how many processes there are that had this one's place before
	// and have not ended yet, DrainingSince when the first of them was replaced.
	Draining      int
	DrainingSince time.Time

	// Restarts are the last eight calls of [Manager.Restart], SIGUSR2 included,
	// the oldest first. Of each, Name is "restart", Launched is when it was asked
	// for, Up when the new process began to accept, Used the time in between, Err
	// why it came to nothing, Detail the new process's pid, and Outcome, which is
	// so since Since, one of
	//   "starting"   the new process isn't there or not ready yet
	//   "failed"     it was refused, or failed before the new process accepted
	//   "probation"  the new process accepts, and this one could come back
	//   "replaced"   this one won't
	//   "came back"  the new process has ended on probation
	// RestartsTried counts all of them, RestartsFailed those that failed or came
	// back.
	Restarts                      []Result
	RestartsTried, RestartsFailed int

	// Components are in the order in which they were to stop: phases
	// descending, the order of Add within a phase.
	Components []Result
}

// A Result is what became of one component. It is a plain value.
type Result struct {
	// Name and Phase are those it was added with.
	Name  string
	Phase int

	// Outcome is one word or two:
	//   "never started"  there was nothing to stop
	//   "stopped"        in order and in time
	//   "failed"         it, or its stop, gave the error in Err
	//   "panicked"       a hook of its stop did, or, with StopOnPanic, it
	//                    itself; Err has the stack
	//   "cut"            it was out of time or forced, and ended by that
	//   "stuck"          it did not even end then, and was left behind
	// In a live report it may as well be one that is yet to end:
	//   "starting"       it was started, and has not said that it is up
	//   "up"             it has
	//   "ended"          it has returned, as it may; only its stop is to come
	//   "pre-stop"       its PreStop hook runs
	//   "stopping"       its stop has begun
	// There, "never started" is one whose turn is yet to come, too, and
	// "failed" one whose failure has begun the stop that will come to it.
	Outcome string

	// Launched is when it was started, Up when it was up, Since when the outcome
	// came to be so; zero where nothing did.
	Launched, Up, Since time.Time

	// Limit is the component's own, zero if it has none.
	Limit time.Duration

	// Planned is the time that its stop was given (negative: any), Used what
	// it took, or has taken so far. Both are zero before the stop, but of a
	// PreStop hook that runs Used is known.
	Planned, Used time.Duration

	// Err has every error of the component, joined; nil if there is none.
	Err error

	// Where says where a component that was cut or is stuck was when its time
	// was up, before its contexts were cancelled: what it waited for, how many
	// of its goroutines, the function and the line, as in
	//   chan send, 1 goroutine, main.(*consumer).flush examples/service/consumer.go:41
	// It is the innermost line of code outside of the standard library and
	// this package, if there is one; of the goroutines that wait, those count
	// less that may have nothing to do. Of one that is stuck, "; later" and
	// another such line follow if it has moved since: it is slow rather than
	// stuck. Empty if nothing could be found: a goroutine has the component's
	// name from the one that started it. Of a stop hook that panicked or called
	// Goexit it says where that was, with "panic" or "Goexit" for the wait. In a
	// live report, of one that is starting, in its PreStop or stopping, it is
	// where it was when the log last told what the manager waits for, and
	// empty before; see [Manager.Inspect] for a new look.
	Where string

	// Stacks has more of the same: the stacks of all of its goroutines at that
	// time, those that are alike counted, the most telling first, in at most
	// 4 KiB; or the stack of the panic or Goexit.
	Stacks string

	// Detail is a remark of the component's, as of connections closed.
	Detail string
}

// ExitCode returns the exit code that tells a supervisor how it went: 0 after
// a clean stop, also one that a signal began; 1 if a component failed; 3 if
// something had to be cut or is stuck though nothing failed before; 128+n if
// signal n forced the stop. Of a live report it is the code that goes with what
// has happened so far.
func (r Report) ExitCode() int {
	var failed *ComponentError
	has := func(outcomes ...string) bool {
		return slices.ContainsFunc(r.Components, func(c Result) bool { return slices.Contains(outcomes, c.Outcome) })
	}
	code := 0
	switch {
	case errors.As(r.Cause, &failed) && r.own(failed):
		code = 1
	case has("cut", "stuck"):
		code = 3
	case has("failed", "panicked"):
		code = 1
	}
	if r.Forced != nil {
		code = 128
		if n, ok := r.Forced.(syscall.Signal); ok {
			code += int(n)
		}
	}
	return code
}

// own tells a failure of a component of this report from one that was given to
// Stop.
func (r Report) own(failed *ComponentError) bool {
	return slices.ContainsFunc(r.Components, func(c Result) bool { return errors.Is(c.Err, failed) })
}

// String returns a table for a terminal, without a newline at its end.
func (r Report) String() string {
	var b strings.Builder
	done := r.State == "" || r.State == stateDone.String()
	switch {
	case done:
		fmt.Fprintf(&b, "stopped after %s: %v; took %s", short(r.Ran), r.Cause, short(r.Took))
	case r.Cause != nil:
		fmt.Fprintf(&b, "%s after %s: %v; for %s", r.State, short(r.Ran), r.Cause, short(r.Took))
	default:
		fmt.Fprintf(&b, "%s after %s", r.State, short(r.Ran))
	}
	if (done || r.Cause != nil) && r.Budget >= 0 {
		fmt.Fprintf(&b, " of %s", short(r.Budget))
	}
	if r.Forced != nil {
		fmt.Fprintf(&b, "; forced by %v", r.Forced)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	for _, c := range r.Components {
		outcome := c.Outcome
		if outcome == "stuck" || outcome == "panicked" {
			outcome = strings.ToUpper(outcome)
		}
		planned := short(c.Planned)
		if c.Planned < 0 {
			planned = "any"
		}
		text := c.Detail
		if c.Err != nil {
			text = strings.TrimPrefix(text+"; ", "; ") + c.Err.Error()
		}
		used := short(c.Used) + " of " + planned
		switch c.Outcome {
		case outcomeStarting, outcomeUp, outcomeEnded:
			used = "" // its stop has not begun
		case outcomePreStop:
			used = short(c.Used)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\tphase %d\t%s\n", oneLine(c.Name), outcome, used, c.Phase, oneLine(text))
	}
	_ = w.Flush()
	rows := table.String()
	for _, c := range r.Components {
		var row string
		row, rows, _ = strings.Cut(rows, "\n")
		b.WriteString("\n" + strings.TrimRight(row, " "))
		if c.Where != "" { // it has none of the table's columns
			b.WriteString("\n      " + c.Where)
		}
	}
	return b.String()
}

// oneLine keeps a row a row.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// short prints a duration in three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d > 0:
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return "0"
}

// finish ends the run: it writes the report and enters the last state.
func (r *run) finish() (Report, error) {
	parts := r.stopOrder()
	details := detailsOf(parts)
	// The error that began the stop comes first.
	var errs []error
	r.m.mu.Lock()
	if r.m.mu.failed {
		errs = append(errs, r.m.mu.cause)
	}
	for _, p := range parts {
		for _, err := range p.errsLocked() {
			if err != r.m.mu.cause {
				errs = append(errs, err)
			}
		}
	}
	r.m.enterLocked(stateDone)
	rep := r.m.reportLocked(time.Now(), parts, details)
	kept := rep.clone()
	r.m.mu.last = &kept
	r.m.mu.Unlock()
	if r.forced != nil {
		errs = append(errs, r.forced)
	}
	r.observe()
	r.tellStopped(rep)
	r.logReport(rep)
	return rep, join(errs)
}

// errsLocked returns the component's errors in the order in which they came.
func (p *part) errsLocked() []error {
	if p.result == nil || p.result.Err == nil {
		return p.failures
	}
	return append(slices.Clone(p.failures), p.result.Err)
}

// join is errors.Join that leaves a single error as it is.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// logReport logs one line for each component that did not simply stop, and one
// for the whole.
func (r *run) logReport(rep Report) {
	var left []waiting
	for _, c := range rep.Components {
		if c.Outcome != "stopped" && c.Outcome != "never started" {
			left = append(left, waiting{c.Name, c.Outcome, c.Where})
			r.log.Error("graceful: component", "name", c.Name, "outcome", c.Outcome, "used", c.Used, "planned", c.Planned, "err", c.Err, "where", c.Where)
		}
	}
	args := []any{"cause", rep.Cause, "took", rep.Took, "code", rep.ExitCode()}
	if len(left) > 0 { // the last line may be all that is kept
		args = append(args, "components", inOneLine(left))
	}
	r.log.Info("graceful: stopped", args...)
}
