package explore

// This file runs one schedule: goroutines of which one runs at a time.

import (
	"fmt"
	"runtime"
	"strings"
)

// mostSteps is how long a run may be. The programs here take some hundred steps.
const mostSteps = 20_000

// task is a goroutine of the run.
type task struct {
	id    int
	wake  chan struct{} // sent to when it is its turn
	ready func() bool   // what it waits for; nil if for nothing but its turn
	done  bool
	where string // it waits, for the report
}

// run is one schedule. All of it belongs to the goroutine whose turn it is.
type run struct {
	search *search
	tasks  []*task
	turn   *task
	left   int // preemptions
	steps  int
	trace  []string // if wanted
	failed string
	over   chan struct{} // closed at the end, or once failed is set
}

// The run of this process; nil between runs, when operations are just done.
var current *run

// era is the number of the run, for what must not reach from one into the next.
var era int

func (r *run) spawn(f func()) {
	t := &task{id: len(r.tasks) + 1, wake: make(chan struct{}, 1)}
	r.tasks = append(r.tasks, t)
	go func() { // ends with f; after a failure, with the process
		<-t.wake
		left := true
		defer func() {
			if v := recover(); v != nil {
				buf := make([]byte, 1<<14)
				r.fail(fmt.Sprintf("panic: %v\n%s", v, buf[:runtime.Stack(buf, false)]))
				return
			}
			r.note(map[bool]string{true: "Goexit", false: "ends"}[left])
			t.done = true
			r.pass(r.choices(nil, false))
		}()
		f()
		left = false
	}()
}

// choices returns who may be next: those who can go on, self first or, if it
// steps aside, last. To leave self, or to stay though it steps aside, takes a
// preemption: so do those from paid on.
func (r *run) choices(self *task, aside bool) (list []*task, paid int) {
	if self != nil && !aside {
		if list = append(list, self); r.left == 0 {
			return list, 1
		}
	}
	for _, t := range r.tasks {
		if t != self && !t.done && (t.ready == nil || t.ready()) {
			list = append(list, t)
		}
	}
	switch {
	case self == nil:
		return list, len(list)
	case !aside:
		return list, 1
	case len(list) == 0:
		return append(list, self), 1
	case r.left > 0:
		return append(list, self), len(list)
	}
	return list, len(list)
}

// pass gives the turn to one of those. From there on the run is that one's.
func (r *run) pass(list []*task, paid int) (next *task) {
	if len(list) == 0 {
		r.turn = nil
		if text := r.stuck(); text != "" {
			r.fail(text)
			return nil
		}
		close(r.over)
		return nil
	}
	i := r.search.decide(len(list))
	next = list[i]
	if i >= paid {
		r.left--
	}
	if self := r.turn; next != self {
		r.turn = next
		next.wake <- struct{}{}
	}
	return next
}

// stuck says who waits for ever, if anybody does.
func (r *run) stuck() string {
	var text strings.Builder
	for _, t := range r.tasks {
		if !t.done {
			fmt.Fprintf(&text, "\n  goroutine %d waits: %s", t.id, t.where)
		}
	}
	if text.Len() == 0 {
		return ""
	}
	return "nobody can go on" + text.String()
}

// step is a point at which another goroutine may come in. It returns when the
// caller may do op: when ready says so, unless that is nil.
func (r *run) step(op string, ready func() bool, aside bool) {
	self := r.turn
	if r.steps++; r.steps > mostSteps {
		r.fail("no end after " + fmt.Sprint(mostSteps) + " steps")
		select {}
	}
	for first := true; first || ready != nil && !ready(); first = false {
		var list []*task
		var paid int
		if ready == nil || ready() {
			list, paid = r.choices(self, aside)
		} else {
			self.ready, self.where = ready, op
			if r.search.tracing {
				self.where = op + " " + caller()
			}
			list, paid = r.choices(nil, false)
		}
		if r.pass(list, paid) != self {
			<-self.wake
		}
		self.ready = nil
	}
	r.note(op)
}

func (r *run) note(what string) {
	if r.search.tracing {
		r.trace = append(r.trace, fmt.Sprintf("goroutine %d  %-24s %s", r.turn.id, what, caller()))
	}
}

// caller names the line that made the step.
func caller() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "/internal/explore.") && !strings.Contains(f.Function, "/internal/explore/shim/") &&
			!strings.HasPrefix(f.Function, "runtime.") {
			if i := strings.LastIndex(f.File, "/"); i >= 0 {
				return fmt.Sprintf("%s:%d", f.File[i+1:], f.Line)
			}
		}
		if !more {
			return ""
		}
	}
}

// fail ends the run. Its goroutines stay where they are: they hold nothing that
// the next search wants.
func (r *run) fail(text string) {
	if r.failed == "" {
		r.failed = text
		close(r.over)
	}
}
