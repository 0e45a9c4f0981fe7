package errgroup

// This file is what becomes of the errors of tasks: the first one ends the
// group's context, and Wait makes one error of what was kept.

import (
	"errors"
	"fmt"
	"strings"
)

// fail records a task's error and, if it is the first, cancels the context with
// it. The error is set before the cancel: a sibling that returns because of the
// cancel always comes second.
func (g *Group) fail(err error) {
	g.lock()
	g.mu.stats.Failed++
	first := g.mu.err == nil
	if first {
		g.mu.err = err
	}
	if g.opts != nil {
		g.opts.failedLocked(err)
	}
	g.mu.Unlock()
	if first && g.cancel != nil {
		g.cancel(err)
	}
}

func (x *options) failedLocked(err error) {
	if x.Errors < 0 || len(x.kept) < x.Errors {
		x.kept = append(x.kept, err)
	}
}

func (x *options) resultLocked() error {
	stats := &x.g.mu.stats
	switch n := len(x.kept); {
	case n > 1 || n == 1 && stats.Failed > 1:
		return &taskErrors{errs: x.kept[:n:n], more: stats.Failed - uint64(n)}
	case x.g.mu.err == nil && x.skipped != nil:
		return &endedEarly{text: x.called() + counted(stats.Skipped, " task", " tasks") + " skipped", err: x.skipped}
	}
	return x.g.mu.err
}

// called is how an error of the group begins.
func (x *options) called() string {
	if x.Name == "" {
		return "errgroup: "
	}
	return "errgroup: " + x.Name + ": "
}

func counted(n uint64, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprint(n) + many
}

// taskErrors is what Wait returns of a group that keeps several errors, if more
// than one task failed.
type taskErrors struct {
	errs []error // as many as were to be kept, in the order in which they came
	more uint64  // how many came beyond those
}

// Error has the errors kept, one a line, and how many more there were.
func (e *taskErrors) Error() string {
	text := errors.Join(e.errs...).Error()
	if e.more > 0 {
		text += "\nand " + counted(e.more, " more error", " more errors")
	}
	return text
}

// Unwrap lets errors.Is and errors.As look through the errors kept.
func (e *taskErrors) Unwrap() []error { return e.errs }

// endedEarly is the error of a call that a done context has ended, with what it
// left undone.
type endedEarly struct {
	text string
	err  error // what ctxerr.Of says of the context
}

func (e *endedEarly) Error() string { return e.text + ": " + e.err.Error() }

func (e *endedEarly) Unwrap() error { return e.err }

// Timeout reports whether the context ended by a deadline.
func (e *endedEarly) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(e.err, &timeout) && timeout.Timeout()
}

// listed joins the first of names for an error, and says how many are left out.
func listed(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + " and " + fmt.Sprint(more) + " more"
	}
	return strings.Join(names, ", ")
}
