package main

// This file finds what could be had: the best of all fixed limits, for each phase.

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"sync"
	"time"
)

// tie is by how much of its goodput a limit may be worse than the best one and still
// pass for as good, if it is smaller: on a plateau the smallest has the best latency.
const tie = .003

// oracle is the best fixed limit of each phase.
type oracle []best

type best struct {
	limit  []int   // at one limiter or two
	good   int     // settled, in time: the most that any limit of the sweep got
	first  int     // the same of the first seconds
	counts count   // of that limit
	swept  []swept // what was tried with all seeds
}

// swept is a fixed limit, or a pair of them, and what came of it.
type swept struct {
	limits []int
	tally  tally
}

// findOracle looks for the best limit of each phase among few, with the first seed,
// and then around it with all, in two steps. A fixed limit remembers nothing for long, so for the
// second look each phase is played by itself.
func findOracle(s *scenario, traces [][]request) oracle {
	widest := s.widest()
	var coarse []int
	for l := max(1, widest/60); l < widest; l = max(l+1, l*3/2) {
		coarse = append(coarse, l)
	}
	coarse = append(coarse, widest)
	first := sweep(s, traces[:1], coarse)
	o := make(oracle, len(s.phases))
	for i := range s.phases {
		alone, cut, phase := s.alone(i, traces)
		near := around(coarse, bestOf(first, i).limit, 6)
		all := sweep(alone, cut, near)
		// The goodput is flat about its best: only the next ones to it may be better.
		fine := slices.DeleteFunc(around(near, bestOf(all, phase).limit, 12), func(l int) bool { return slices.Contains(near, l) })
		o[i] = bestOf(inOrder(append(all, sweep(alone, cut, fine)...)), phase)
	}
	return o
}

// inOrder is with the smallest limits first.
func inOrder(all []swept) []swept {
	slices.SortStableFunc(all, func(a, b swept) int { return cmp.Compare(slices.Min(a.limits), slices.Min(b.limits)) })
	return all
}

// around returns limits near those that are best in a coarse sweep, so many parts of
// them apart.
func around(coarse, limits []int, parts int) []int {
	var fine []int
	for _, limit := range limits {
		at, found := slices.BinarySearch(coarse, limit)
		if !found {
			continue // none
		}
		from, to := coarse[max(at-1, 0)], coarse[min(at+1, len(coarse)-1)]
		for l := from; l <= to; l += max(1, limit/parts) {
			fine = append(fine, l)
		}
		fine = append(fine, limit)
	}
	slices.Sort(fine)
	return slices.Compact(fine)
}

// alone returns a scenario that is one phase and the last seconds before it, its
// requests, and the phase's place in it.
func (s *scenario) alone(phase int, traces [][]request) (*scenario, [][]request, int) {
	begin, lead := time.Duration(0), 3*sec
	for i := range phase {
		begin += s.phases[i].lasts
	}
	from := max(begin-lead, 0)
	if s.every > 0 {
		from -= from % s.every // the pauses stay where they are
	}
	cut := *s
	cut.phases = nil
	at, places := time.Duration(0), map[uint8]uint8{}
	for i := range phase + 1 {
		p := s.phases[i]
		if at += p.lasts; at <= from {
			continue
		}
		places[uint8(i)] = uint8(len(cut.phases))
		if i < phase {
			p.lasts = min(p.lasts, at-from)
		}
		cut.phases = append(cut.phases, p)
	}
	all := make([][]request, len(traces))
	for i, t := range traces {
		lo := sort.Search(len(t), func(i int) bool { return t[i].at >= from })
		hi := sort.Search(len(t), func(i int) bool { return t[i].at >= at })
		all[i] = slices.Clone(t[lo:hi])
		for j := range all[i] {
			all[i][j].at -= from
			all[i][j].phase = places[all[i][j].phase]
		}
	}
	return &cut, all, len(cut.phases) - 1
}

// sweep runs fixed limits with each trace. Of two limiters in a row it tries each
// alone and both.
func sweep(s *scenario, traces [][]request, limits []int) []swept {
	var all []swept
	for _, l := range limits {
		if s.front > 0 {
			all = append(all, swept{limits: []int{none, l}}, swept{limits: []int{l, none}}, swept{limits: []int{l, l}})
			continue
		}
		all = append(all, swept{limits: []int{l}})
	}
	tallies := make([]tally, len(all)*len(traces))
	inParallel(len(tallies), func(i int) {
		var gates []func() gate
		for _, l := range all[i/len(traces)].limits {
			gates = append(gates, fixedGate(l))
		}
		tallies[i] = play(s, traces[i%len(traces)], nil, nil, gates...)
	})
	for i, t := range tallies {
		if i%len(traces) == 0 {
			all[i/len(traces)].tally = t
			continue
		}
		all[i/len(traces)].tally.add(t)
	}
	return all
}

// bestOf returns the smallest of the limits that are as good as any in a phase.
func bestOf(all []swept, phase int) best {
	good, first := 0, 0
	for _, s := range all {
		good = max(good, s.tally[phase].settled.good)
		first = max(first, s.tally[phase].first.good)
	}
	for _, s := range all {
		if c := s.tally[phase]; float64(c.settled.good) >= (1-tie)*float64(good) {
			return best{limit: s.limits, good: good, first: first, counts: c, swept: all}
		}
	}
	panic("BUG: the best is not as good as the best")
}

// inParallel calls do with 0 to n-1, on as many goroutines as there are processors,
// and returns when all calls have.
func inParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
