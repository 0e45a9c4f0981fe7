package main

// This file is the two kinds of servers: workers with one queue, and a server whose
// speed all its requests share.

import (
	"container/heap"
	"time"
)

// server works on requests, known by their slots. It puts on the agenda when one
// is served.
type server interface {
	take(now time.Duration, slot int, work time.Duration)
	// ready is called for each event of the server; it returns the slots that are served.
	ready(now time.Duration, e event) []int
	change(now time.Duration, workers int, slow float64)
	// Before a pause is known and after it, for what is not on the agenda as served.
	advance(now time.Duration)
	plan(now time.Duration)
}

// workers serve in the order of arrival.
type workers struct {
	sim   *sim
	id    uint8
	size  int
	busy  int
	slow  float64
	queue []queued
	head  int
	one   [1]int
}

type queued struct {
	slot int
	work time.Duration
}

func (w *workers) take(now time.Duration, slot int, work time.Duration) {
	if w.busy >= w.size {
		w.queue = append(w.queue, queued{slot, work})
		return
	}
	w.start(now, queued{slot, work})
}

func (w *workers) start(now time.Duration, q queued) {
	w.busy++
	begin := max(now, w.sim.frozen)
	w.sim.agenda.add(begin+time.Duration(float64(q.work)*w.slow), served, w.id, int32(q.slot))
}

func (w *workers) ready(now time.Duration, e event) []int {
	w.busy--
	w.fill(now)
	w.one[0] = int(e.slot)
	return w.one[:]
}

func (w *workers) fill(now time.Duration) {
	for w.busy < w.size && w.head < len(w.queue) {
		w.start(now, w.queue[w.head])
		w.head++
	}
	if w.head > 1024 && w.head > len(w.queue)/2 {
		w.queue = append(w.queue[:0], w.queue[w.head:]...)
		w.head = 0
	}
}

// change lets those who are being served at the old speed, or by a worker who has
// gone, end as they would have.
func (w *workers) change(now time.Duration, size int, slow float64) {
	w.size, w.slow = size, slow
	w.fill(now)
}

func (w *workers) advance(time.Duration) {}
func (w *workers) plan(time.Duration)    {}

// together serves all at once: up to knee of them at full speed, more share it, and
// lose of it by jam.
type together struct {
	sim  *sim
	id   uint8
	knee float64
	jam  float64
	slow float64

	// A clock that runs at the speed of a single request: each has an end on it that
	// does not change when others come and go.
	clock float64
	last  time.Duration
	ends  ends
	gen   int32
	done  []int
}

type end struct {
	at   float64
	slot int
}

// ends is a heap.
type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at < e[j].at }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// speed is that of each of n requests.
func (t *together) speed(n int) float64 {
	if n == 0 {
		return 0
	}
	over := max(float64(n)-t.knee, 0)
	return min(1, t.knee/float64(n)) / (1 + t.jam*over/t.knee) / t.slow
}

func (t *together) advance(now time.Duration) {
	from := max(t.last, min(t.sim.frozen, now))
	t.clock += float64(now-from) * t.speed(len(t.ends))
	t.last = now
}

func (t *together) plan(now time.Duration) {
	t.gen++
	if len(t.ends) > 0 {
		left := max(t.ends[0].at-t.clock, 0) / t.speed(len(t.ends))
		t.sim.agenda.add(max(now, t.sim.frozen)+time.Duration(left)+1, shared, t.id, t.gen)
	}
}

func (t *together) take(now time.Duration, slot int, work time.Duration) {
	t.advance(now)
	heap.Push(&t.ends, end{t.clock + float64(work), slot})
	t.plan(now)
}

func (t *together) ready(now time.Duration, e event) []int {
	if e.slot != t.gen {
		return nil // somebody has come or gone since
	}
	t.advance(now)
	t.done = t.done[:0]
	for len(t.ends) > 0 && t.ends[0].at <= t.clock {
		t.done = append(t.done, heap.Pop(&t.ends).(end).slot)
	}
	t.plan(now)
	return t.done
}

func (t *together) change(now time.Duration, knee int, slow float64) {
	t.advance(now)
	t.knee, t.slow = float64(knee), slow
	t.plan(now)
}
