package errgroup

// This file is what a group knows of the tasks that run, where it was asked to:
// their names and times.

import (
	"cmp"
	"reflect"
	"runtime"
	"runtime/trace"
	"slices"
	"sync"
	"time"

	"github.com/belay-go/belay"
)

// Task is a task that runs, as [Group.Running] saw it.
type Task struct {
	Name   string        // of the func that was given to Go, as a traceback shows it
	Age    time.Duration // since it started
	Waited time.Duration // from its Go to its start
}

// Running returns the tasks that run at the moment, the oldest first. It
// returns nil unless the group was made with [Options].Track. Running never
// waits for a task, and may be called at any time.
func (g *Group) Running() []Task {
	x, _ := g.opts.(*options)
	if x == nil || x.track == nil {
		return nil
	}
	return x.track.tasks()
}

// Stats returns what the group has counted; it is O(1). InFlight are the tasks
// that hold a slot, Waiting the Gos blocked at the limit, Total the tasks ever
// given a slot, Waited those of them whose Go was blocked, Refused the TryGos
// that returned false, Cancelled the GoContexts that gave up. WaitTime is how
// long those in Waited were blocked, and stays empty unless the group was made
// with [Options].Track: reading the clock costs more than a short task.
func (g *Group) Stats() belay.Stats {
	g.lock()
	defer g.mu.Unlock()
	c := &g.mu.stats
	s := belay.Stats{
		Limit: -1, InFlight: int64(g.mu.active),
		Total: c.Total, Waited: c.Waited, Refused: c.Refused, Cancelled: c.Cancelled,
		Failed: c.Failed, Panicked: c.Panicked, Skipped: c.Skipped,
	}
	if g.mu.line != nil {
		s.Waiting = int64(g.mu.line.blocked.n)
	}
	if g.mu.limited {
		s.Limit = int64(g.mu.limit)
	}
	if x, _ := g.opts.(*options); x != nil && x.track != nil {
		s.WaitTime = x.track.waitTime()
	}
	return s
}

// tracker keeps the running tasks. It has a lock of its own, taken inside the
// group's or alone.
type tracker struct {
	now func() time.Duration // since the group was made; a Time here would link all its formatting into every program

	mu      sync.Mutex
	running map[*tracked]struct{}
	waits   belay.WaitHistogram
}

type tracked struct {
	name           string
	asked, started time.Duration
}

func newTracker() *tracker {
	made := time.Now()
	return &tracker{now: func() time.Duration { return time.Since(made) }}
}

// follow returns f as a task that the tracker sees. named is the func that the
// user gave.
func (t *tracker) follow(f func() error, named any) func() error {
	asked := t.now()
	return func() error {
		task := &tracked{name: funcName(named), asked: asked, started: t.now()}
		t.mu.Lock()
		if t.running == nil {
			t.running = map[*tracked]struct{}{}
		}
		t.running[task] = struct{}{}
		t.mu.Unlock()
		defer func() {
			t.mu.Lock()
			delete(t.running, task)
			t.mu.Unlock()
		}()
		return f()
	}
}

func (t *tracker) tasks() []Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	list := make([]Task, 0, len(t.running))
	for task := range t.running {
		list = append(list, Task{Name: task.name, Age: now - task.started, Waited: task.started - task.asked})
	}
	slices.SortFunc(list, func(a, b Task) int { return cmp.Compare(b.Age, a.Age) })
	return list
}

func (x *options) waitBegins() time.Duration {
	if x.track == nil {
		return 0
	}
	return x.track.now()
}

func (x *options) waitEnds(began time.Duration) {
	if x.track == nil {
		return
	}
	x.track.mu.Lock()
	x.track.waits.Observe(x.track.now() - began)
	x.track.mu.Unlock()
}

func (t *tracker) waitTime() belay.WaitHistogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waits
}

func funcName(f any) string {
	return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
}

func (x *options) dress(f func() error, named any) func() error {
	if trace.IsEnabled() {
		f = x.traced(f)
	}
	if x.track != nil {
		f = x.track.follow(f, named)
	}
	return f
}

// traced returns f as a task in the sense of runtime/trace.
func (x *options) traced(f func() error) func() error {
	name := x.Name
	if name == "" {
		name = "errgroup"
	}
	return func() error {
		_, task := trace.NewTask(x.g.ctx, name)
		defer task.End()
		return f()
	}
}
