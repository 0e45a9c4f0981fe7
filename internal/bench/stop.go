package main

// This file measures how long a stop takes once there is nothing left to wait
// for: from the moment in which the last handler has its answer, so that writing
// it is part of it, to the return of graceful's Run, or of net/http's Shutdown,
// or of grpc's GracefulStop. Those that hang count as what they were waited for.

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/internal/bench/served"
)

// overGRPC stands beside the protocols of package served.
const overGRPC served.Protocol = "grpc unary"

const (
	// settled is how long after the end of accepting a silent connection may
	// still speak, as graceful promises: its stop can't be over before.
	settled = 50 * time.Millisecond
	// hangs is how long a stop is waited for.
	hangs = 6 * time.Second
	// inFlight is how many requests a server has when its stop begins.
	inFlight = 4
	// silence and halves are the connections that say nothing, and those that
	// stop in the middle of their first words.
	silence, halves = 100, 10
)

// stopRows have a table of their own kind: a round stops several servers of
// each side at once, and a time is that of one stop.
func stopRows() []row {
	var rows []row
	for _, p := range []served.Protocol{served.HTTP1, served.H2C, served.TLSH2, overGRPC} {
		for _, end := range []time.Duration{10 * time.Millisecond, 300 * time.Millisecond, time.Second} {
			rows = append(rows, stopRow(p, end, false))
		}
		if p == served.HTTP1 {
			rows = append(rows, stopRow(p, 3*time.Second, false))
		}
		rows = append(rows, stopRow(p, 300*time.Millisecond, true))
	}
	return rows
}

// stopRow stops servers whose last request ends at about the given time after
// the stop has begun.
func stopRow(p served.Protocol, end time.Duration, quiet bool) row {
	r := row{
		shape:  fmt.Sprintf("%s, last request ends %v in", p, end),
		peer:   "Shutdown",
		target: 100,
		within: [2]time.Duration{time.Millisecond, 5 * time.Millisecond},
	}
	r.slow = quiet || end > 300*time.Millisecond
	servers := 24
	switch {
	case end < settled:
		// Theirs does not wait for those who have not spoken yet, so there is
		// nothing to compare.
		r.shape += ", counted from the end of the settle time"
		r.target = 0
	case quiet:
		r.shape += fmt.Sprintf(", with %d silent connections and %d half-open ones", silence, halves)
		servers = 8
	}
	if p == overGRPC {
		r.peer = "GracefulStop"
		r.target = min(r.target, 1/1.25)
	}
	r.sample = func(most int) (theirs, ours []float64) { return stops(p, end, quiet, min(most, servers)) }
	return r
}

// stops stops n servers of each side at the same time and returns what each
// stop took.
func stops(p served.Protocol, end time.Duration, quiet bool, n int) (theirs, ours []float64) {
	var theirsOf, oursOf []*subject
	for range n {
		theirsOf = append(theirsOf, newSubject(p, false))
		oursOf = append(oursOf, newSubject(p, true))
	}
	all := append(theirsOf, oursOf...)
	for _, s := range all {
		s.warm()
		if quiet {
			s.fallSilent()
		}
		s.ask()
	}
	if quiet {
		time.Sleep(settled) // for the halves to be read
	}
	var stopping sync.WaitGroup
	for _, s := range all {
		stopping.Go(func() { s.stop(end) })
	}
	stopping.Wait()
	for i := range n {
		theirs = append(theirs, theirsOf[i].took())
		ours = append(ours, oursOf[i].took())
	}
	for _, s := range all {
		s.close()
	}
	return theirs, ours
}

// work is what the handlers of one server do: the first returns at once, the
// others end around a time after the stop began.
type work struct {
	entered  sync.WaitGroup
	stopping chan struct{} // closed when the stop begins
	end      time.Duration // written before that
	calls    atomic.Int64

	mu struct {
		sync.Mutex
		last time.Time // when the last handler had its answer
	}
}

func newWork() *work {
	w := &work{stopping: make(chan struct{})}
	w.entered.Add(inFlight)
	return w
}

// do is called by a handler before it answers.
func (w *work) do() {
	if w.calls.Add(1) == 1 {
		return
	}
	w.entered.Done()
	<-w.stopping
	time.Sleep(time.Duration(float64(w.end) * (0.75 + rand.Float64()/2)))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.last = time.Now()
}
