package timeout

// This file holds the tasks of a WaitGroup that have names, and the error that
// says which of them are late.

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// namedTask is a task that says who it is.
type namedTask struct {
	name  string
	began time.Time
}

// GoNamed is [WaitGroup.Go] for a task that the error of a [WaitGroup.WaitContext]
// names, with how long it has been running, if it is late. That costs a reading of
// the clock at its start, and a lock at the start and at the end.
func (wg *WaitGroup) GoNamed(name string, f func()) {
	if f == nil {
		panic("timeout: Go of a nil function")
	}
	n := &namedTask{name: name, began: time.Now()}
	wg.Add(1) // before it is listed, so that there is never a name without a task
	wg.list(n)
	wg.start(func() {
		defer wg.strike(n)
		f()
	})
}

func (wg *WaitGroup) list(n *namedTask) {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	if wg.mu.named == nil {
		wg.mu.named = make(map[*namedTask]struct{})
	}
	wg.mu.named[n] = struct{}{}
}

func (wg *WaitGroup) strike(n *namedTask) {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	delete(wg.mu.named, n)
}

// mostNamed bounds the error's text, and what is done for it under the lock: who
// looks for what hangs looks for the oldest, and a group may have a million tasks.
const mostNamed = 8

// oldestLocked returns the oldest tasks that have names, the oldest first, and how
// many there are besides.
func (wg *WaitGroup) oldestLocked() (oldest []*namedTask, more int) {
	for n := range wg.mu.named {
		at, _ := slices.BinarySearchFunc(oldest, n, byAge)
		if at == mostNamed {
			continue
		}
		if len(oldest) == mostNamed {
			oldest = oldest[:mostNamed-1]
		}
		oldest = slices.Insert(oldest, at, n)
	}
	return oldest, len(wg.mu.named) - len(oldest)
}

func byAge(a, b *namedTask) int {
	return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.name, b.name))
}

// stillRunning is the error of a wait that its context ended. It has no
// exported type, for a TimeoutError would be wrong after a cancel, and what it
// holds is history: Len has the number to decide by.
type stillRunning struct {
	tasks int    // at the moment of giving up; more than zero
	late  string // those with names, or empty
	err   error  // of the context
}

// names puts the tasks in a line, each with how long it has been running.
func names(oldest []*namedTask, more int) string {
	var line strings.Builder
	for i, n := range oldest {
		if i > 0 {
			line.WriteString(", ")
		}
		line.WriteString(n.name + " for " + time.Since(n.began).Round(time.Millisecond).String())
	}
	if more > 0 {
		line.WriteString(", and " + strconv.Itoa(more) + " more")
	}
	return line.String()
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
