package pool_test

// This file is a pool that is too simple to be wrong.

import (
	"slices"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter/pool"
)

// verdict is how far one call has come.
type verdict string

const (
	waiting  verdict = "waits"
	served   verdict = "served"
	gaveUp   verdict = "gave up"
	failed   verdict = "its Open failed"
	tooLarge verdict = "too large"
	full     verdict = "full"
)

// thing is a resource in the model.
type thing struct {
	id          int
	born, since time.Duration
}

// request is one call of Get or Take in the model.
type request struct {
	n       int // places; 0: a resource
	verdict verdict
	thing   *thing
	id      int  // of the resource that it got
	opening bool // an Open begun for it runs
	held    bool // has what it got
}

// model is a pool as a list of all requests ever made, in their order.
type model struct {
	o        pool.Options[int] // the sizes and times
	now      time.Duration
	idle     []*thing
	requests []*request
	stats    belay.Stats
	counts   pool.Counts
}

func (m *model) line() []*request {
	return slices.DeleteFunc(slices.Clone(m.requests), func(r *request) bool { return r.verdict != waiting })
}

func (m *model) count(f func(*request) bool) (n int) {
	for _, r := range m.requests {
		if f(r) {
			n++
		}
	}
	return n
}

func (m *model) out() int     { return m.count(func(r *request) bool { return r.held && r.n == 0 }) }
func (m *model) opening() int { return m.count(func(r *request) bool { return r.opening }) }
func (m *model) places() (n int) {
	for _, r := range m.requests {
		if r.held {
			n += r.n
		}
	}
	return n
}

func (m *model) free() int {
	return m.o.MaxOpen - m.out() - m.opening() - m.places() - len(m.idle)
}

func (m *model) old(r *thing) bool {
	return m.o.MaxLifetime > 0 && m.now-r.born >= m.o.MaxLifetime || m.o.MaxIdleTime > 0 && m.now-r.since >= m.o.MaxIdleTime
}

func (m *model) pop() *thing {
	for len(m.idle) > 0 {
		at := len(m.idle) - 1
		if m.o.OldestFirst {
			at = 0
		}
		r := m.idle[at]
		m.idle = slices.Delete(m.idle, at, at+1)
		if !m.old(r) {
			return r
		}
		m.counts.Expired++
		m.counts.Closed++
	}
	return nil
}

func (m *model) offer(r *thing) {
	r.since = m.now
	if m.old(r) {
		m.counts.Expired++
		m.counts.Closed++
		return
	}
	m.idle = append(m.idle, r)
}

func (m *model) serve(r *request, got *thing) {
	r.verdict, r.held, r.thing = served, true, got
	if got != nil {
		r.id = got.id
	}
	m.stats.Total += uint64(max(1, r.n))
}

// settle serves the line, then begins what it needs.
func (m *model) settle() {
	for _, r := range m.line() {
		if r.n > 0 {
			for r.n > m.free() && len(m.idle) > 0 {
				m.idle = m.idle[1:]
				m.counts.Closed++
			}
			if r.n > m.free() {
				break
			}
			m.serve(r, nil)
		} else {
			got := m.pop()
			if got == nil {
				break
			}
			m.serve(r, got)
		}
		m.stats.Waited++
	}
	line := m.line()
	for i, r := range line {
		if r.n > 0 || m.free() == 0 {
			break
		}
		if m.opening() <= i {
			bare := slices.IndexFunc(line, func(r *request) bool { return !r.opening })
			line[bare].opening = true
		}
	}
	for len(line) == 0 && len(m.idle) > m.o.MaxIdle {
		m.idle = m.idle[1:]
		m.counts.Closed++
	}
}

// full reports whether a call may not wait.
func (m *model) full(n int) bool {
	behind := len(m.line()) - m.opening()
	switch {
	case n == 0:
		behind -= m.free()
	case len(m.line()) == 0 && n <= m.free()+len(m.idle):
		return false
	}
	return m.o.Queue != 0 && behind >= max(0, m.o.Queue)
}

// request is Get or Take; try is TryTake.
func (m *model) request(n int, done, try bool) {
	r := &request{n: n, verdict: waiting}
	defer func() { m.requests = append(m.requests, r); m.settle() }()
	free := len(m.line()) == 0 && n > 0 && n <= m.free()
	switch {
	case done:
		r.verdict = gaveUp
		m.stats.Cancelled++
		return
	case n > m.o.MaxOpen:
		r.verdict = tooLarge
	case free:
		m.serve(r, nil)
		return
	case n == 0 && len(m.line()) == 0:
		if got := m.pop(); got != nil {
			m.serve(r, got)
			return
		}
		fallthrough
	default:
		if !try && !m.full(n) {
			return
		}
		r.verdict = full
	}
	m.stats.Refused++
}

func (m *model) release(r *request, discard bool) {
	if !r.held {
		return
	}
	r.held = false
	switch {
	case r.n > 0:
	case discard:
		m.counts.Closed++
	default:
		m.offer(r.thing)
	}
	m.settle()
}

func (m *model) cancel(r *request) {
	if r.verdict == waiting {
		r.verdict = gaveUp
		m.stats.Cancelled++
	}
	m.settle()
}

// opened ends the Open that was begun for a request.
func (m *model) opened(r *request, ok bool) {
	r.opening = false
	if ok {
		m.counts.Opened++
		m.offer(&thing{id: int(m.counts.Opened), born: m.now})
	} else {
		m.stats.Failed++
		if r.verdict == waiting {
			r.verdict = failed
		}
	}
	m.settle()
}

func (m *model) tend() {
	before := len(m.idle)
	m.idle = slices.DeleteFunc(m.idle, m.old)
	m.counts.Expired += uint64(before - len(m.idle))
	m.counts.Closed += uint64(before - len(m.idle))
	m.settle()
}
