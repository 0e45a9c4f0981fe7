package main

// This file is the simulation's agenda. It is a heap by hand, as most of the time of
// a sweep goes here.

import "time"

type eventKind uint8

const (
	served eventKind = iota // a server has done a request's work
	shared                  // the next of a shared server's requests may be ready
	over                    // a request has come back from elsewhere, or failed
	again                   // a refused client tries once more
	turn                    // a phase begins
	freeze                  // a pause begins
	thaw                    // and ends
	enough                  // the simulation ends
)

type event struct {
	at     time.Duration
	order  uint32 // among those of one instant, that of their making
	kind   eventKind
	server uint8
	slot   int32 // or the number of the phase, or the generation of what is shared
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.order < o.order }

type agenda struct {
	heap  []event
	order uint32
}

// ways is how many each has below it: a flat heap is moved through in fewer steps.
const ways = 4

func (a *agenda) add(at time.Duration, kind eventKind, server uint8, slot int32) {
	a.order++
	e := event{at, a.order, kind, server, slot}
	a.heap = append(a.heap, e)
	h, i := a.heap, len(a.heap)-1
	for i > 0 {
		up := (i - 1) / ways
		if !e.before(&h[up]) {
			break
		}
		h[i], i = h[up], up
	}
	h[i] = e
}

func (a *agenda) next() time.Duration { return a.heap[0].at } // never empty: enough is there until the end

func (a *agenda) take() event {
	h := a.heap
	first, last := h[0], len(h)-1
	h[0] = h[last]
	a.heap = h[:last]
	a.sink(0)
	return first
}

func (a *agenda) sink(i int) {
	h := a.heap
	if i >= len(h) {
		return
	}
	e := h[i]
	for {
		first := ways*i + 1
		if first >= len(h) {
			break
		}
		down := first
		for j := first + 1; j < min(first+ways, len(h)); j++ {
			if h[j].before(&h[down]) {
				down = j
			}
		}
		if !h[down].before(&e) {
			break
		}
		h[i], i = h[down], down
	}
	h[i] = e
}

// postpone moves everything that the servers work on to later.
func (a *agenda) postpone(by time.Duration) {
	for i := range a.heap {
		if a.heap[i].kind == served {
			a.heap[i].at += by
		}
	}
	for i := len(a.heap) / ways; i >= 0; i-- {
		a.sink(i)
	}
}
