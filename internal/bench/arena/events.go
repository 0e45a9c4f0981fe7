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

func (a *agenda) add(at time.Duration, kind eventKind, server uint8, slot int32) {
	a.order++
	a.heap = append(a.heap, event{at, a.order, kind, server, slot})
	h, i := a.heap, len(a.heap)-1
	for i > 0 {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
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
	for {
		down := 2*i + 1
		if down >= len(h) {
			return
		}
		if down+1 < len(h) && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&h[i]) {
			return
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}

// postpone moves everything that the servers work on to later.
func (a *agenda) postpone(by time.Duration) {
	for i := range a.heap {
		if a.heap[i].kind == served {
			a.heap[i].at += by
		}
	}
	for i := len(a.heap)/2 - 1; i >= 0; i-- {
		a.sink(i)
	}
}
