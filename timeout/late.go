package timeout

// This file holds the tasks of a WaitGroup that have names, and the error that
// says which of them are late.

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// namedTask is a task that says who it is.
type namedTask struct {
	name  string
	began time.Time
}

// GoNamed is [WaitGroup.Go] for a task that the error of a [WaitGroup.WaitContext]
// names, with the time since when it runs, if it is late. That costs a reading
// of the clock and a lock at each end of the task.
func (wg *WaitGroup) GoNamed(name string, f func()) {
	if f == nil {
		panic("timeout: Go of a nil function")
	}
	n := &namedTask{name: name, began: time.Now()}
	wg.mu.Lock()
	if wg.mu.named == nil {
		wg.mu.named = make(map[*namedTask]struct{})
	}
	wg.mu.named[n] = struct{}{}
	wg.mu.Unlock()
	wg.Go(func() {
		// A panic must leave the task in the group, as in Go, but not in this
		// list, for the process ends with it.
		defer func() {
			wg.mu.Lock()
			delete(wg.mu.named, n)
			wg.mu.Unlock()
		}()
		f()
	})
}

// lateLocked returns the tasks that have names, the oldest first.
func (wg *WaitGroup) lateLocked() []namedTask {
	if len(wg.mu.named) == 0 {
		return nil
	}
	late := make([]namedTask, 0, len(wg.mu.named))
	for n := range wg.mu.named {
		late = append(late, *n)
	}
	slices.SortFunc(late, func(a, b namedTask) int {
		return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.name, b.name))
	})
	return late
}

// stillRunning is the error of a wait that its context ended. It has no
// exported type, for a TimeoutError would be wrong after a cancel, and what it
// holds is history: Len has the number to decide by.
type stillRunning struct {
	tasks int    // at the moment of giving up; more than zero
	late  string // those with names, or empty
	err   error  // of the context
}

// mostNamed bounds the error's text: who looks for what hangs looks for the
// oldest, and a group may have a million tasks.
const mostNamed = 8

// names puts the oldest tasks that have names in a line, each with the time
// since when it runs.
func names(late []namedTask) (line string) {
	for i, n := range late {
		if i == mostNamed {
			return line + ", and " + strconv.Itoa(len(late)-i) + " more"
		}
		if i > 0 {
			line += ", "
		}
		line += n.name + " for " + time.Since(n.began).Round(time.Millisecond).String()
	}
	return line
}

// Error names the number and the tasks before the reason.
func (e *stillRunning) Error() string {
	text := "timeout: " + strconv.Itoa(e.tasks) + " of the group still running"
	if e.late != "" {
		text += " (" + e.late + ")"
	}
	return text + ": " + e.err.Error()
}

// Unwrap lets errors.Is and errors.As reach the context's Err and cause.
func (e *stillRunning) Unwrap() error { return e.err }

// Timeout reports whether the context ended by its deadline.
func (e *stillRunning) Timeout() bool {
	t, ok := e.err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}
