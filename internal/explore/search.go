package explore

// This file is the search through schedules.

import (
	"fmt"
	"strings"
)

// Program is what goroutines do to one fresh state, and what must hold at the
// end.
type Program struct {
	Goroutines []func()
	Check      func() error // nil if there is nothing to check but that all end
}

// Result is what a search has done and found.
type Result struct {
	Runs    int    // schedules
	Steps   int    // of all of them
	Longest int    // steps of a run
	Cut     bool   // the search ended at the most runs, not when there were no more
	Failure string // what is wrong; "" if nothing was found
	Trace   string // the steps of the run that failed, one a line
	Replay  []int  // its decisions
}

// decision is one of those of a run.
type decision struct{ options, taken int }

// search is a [Search] that runs.
type search struct {
	Result
	path    []decision
	depth   int // in path, of this run
	tracing bool
}

// Search runs a program through every schedule with at most so many preemptions,
// until one fails or, if most is above zero, so many have been run. fresh is
// called for each run, before its first step, and must always make the same.
//
// Only one Search runs in a process at a time, and no other goroutine may use what
// it explores. It panics if a replay shows that the program is not a function of
// its schedule.
func Search(fresh func() Program, preemptions, most int) Result {
	s := &search{}
	for {
		r := s.run(fresh, preemptions)
		s.Runs++
		s.Steps += r.steps
		s.Longest = max(s.Longest, r.steps)
		if r.failed != "" {
			return s.explain(fresh, preemptions, r)
		}
		if !s.advance() {
			return s.Result
		}
		if s.Runs == most {
			s.Cut = true
			return s.Result
		}
	}
}

// Replay runs one schedule, of a [Result], and returns what fails in it, and its
// steps.
func Replay(fresh func() Program, preemptions int, decisions []int) (failure, trace string) {
	s := &search{tracing: true}
	for _, d := range decisions {
		s.path = append(s.path, decision{-1, d})
	}
	r := s.run(fresh, preemptions)
	return r.failed, strings.Join(r.trace, "\n")
}

// explain runs what failed once more, and keeps its steps.
func (s *search) explain(fresh func() Program, preemptions int, r *run) Result {
	s.Failure = r.failed
	for _, d := range s.path[:s.depth] {
		s.Replay = append(s.Replay, d.taken)
	}
	again, trace := Replay(fresh, preemptions, s.Replay)
	if s.Trace = trace; again != "" {
		s.Failure = again // says where they wait
	}
	return s.Result
}

func (s *search) run(fresh func() Program, preemptions int) *run {
	s.depth = 0
	era++
	p := fresh()
	r := &run{search: s, left: preemptions, over: make(chan struct{})}
	for _, f := range p.Goroutines {
		r.spawn(f)
	}
	current = r
	r.pass(r.choices(nil, false))
	<-r.over
	current = nil
	if r.failed == "" && p.Check != nil {
		if err := p.Check(); err != nil {
			r.failed = err.Error()
		}
	}
	return r
}

// decide returns which of so many options the run takes here.
func (s *search) decide(options int) int {
	if options == 1 {
		return 0
	}
	if s.depth == len(s.path) {
		s.path = append(s.path, decision{options: options})
	}
	d := &s.path[s.depth]
	s.depth++
	if d.options < 0 {
		d.options = options
	}
	if d.options != options || d.taken >= options {
		panic(fmt.Sprintf("explore: decision %d had %d options and has %d: the program depends on more than its schedule",
			s.depth, d.options, options))
	}
	return d.taken
}

// advance goes on to the next schedule, and reports whether there is one.
func (s *search) advance() bool {
	s.path = s.path[:s.depth]
	for len(s.path) > 0 {
		last := &s.path[len(s.path)-1]
		if last.taken++; last.taken < last.options {
			return true
		}
		s.path = s.path[:len(s.path)-1]
	}
	return false
}
