package drive

// All that a run has found, added up, and the verdict on it.

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// results are those of a whole run.
type results struct {
	machine string
	rounds  [][len(kinds)][]round // by act and kind
	hangs   [len(kinds)]hangResult
	took    time.Duration
}

func newResults() results {
	return results{
		machine: fmt.Sprintf("%d cores, %s, %s/%s", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH),
		rounds:  make([][len(kinds)][]round, len(acts)),
	}
}

func (r *results) add(act int, k kind, one round) {
	r.rounds[act][k] = append(r.rounds[act][k], one)
}

// of returns all rounds of a kind.
func (r *results) of(k kind) (all []round) {
	for _, byKind := range r.rounds {
		all = append(all, byKind[k]...)
	}
	return all
}

// controlLost reports whether the load was hard enough in an act.
func (r *results) controlLost(act int) bool { return sum(r.rounds[act][plain], lost) > 0 }

// sum counts an outcome over rounds.
func sum(rounds []round, o outcome) (n int) {
	for i := range rounds {
		n += rounds[i].total(o)
	}
	return n
}

// sumOf counts an outcome on one protocol.
func sumOf(rounds []round, p protocol, o outcome) (n int) {
	for _, r := range rounds {
		n += r.tallies[p].outcomes[o]
	}
	return n
}

// stall returns the longest one.
func stall(rounds []round) (longest time.Duration) {
	for _, r := range rounds {
		for _, t := range r.tallies {
			longest = max(longest, t.stall)
		}
	}
	return longest
}

// lastToGo returns the times from the last answer to the end of the process.
func lastToGo(rounds []round) (all []time.Duration) {
	for _, r := range rounds {
		if r.lastToGo > 0 {
			all = append(all, r.lastToGo)
		}
	}
	return all
}

// gained returns how many goroutines and descriptors an idle server has more
// after a wave of load than before, most of all rounds. counted says that
// descriptors can be counted on this system.
func gained(rounds []round) (goroutines, descriptors int, counted bool) {
	counted = true
	for i, r := range rounds {
		g, d := r.after.Goroutines-r.before.Goroutines, r.after.Descriptors-r.before.Descriptors
		if i == 0 {
			goroutines, descriptors = g, d
		}
		goroutines, descriptors = max(goroutines, g), max(descriptors, d)
		counted = counted && r.before.Descriptors >= 0
	}
	return goroutines, descriptors, counted
}

// memory returns the most that an idle server had on its heap.
func memory(rounds []round) (most uint64) {
	for _, r := range rounds {
		most = max(most, r.after.Memory)
	}
	return most
}

// percentile returns the smallest of the values that at least p percent of
// them don't exceed, and 0 of none.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := (p*len(sorted) + 99) / 100
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// faults lists what belay did wrong besides losing requests and not naming
// the hang, which the last line of the screen tells anyway.
func (r *results) faults() (all []string) {
	rounds := r.of(belay)
	if n := sum(rounds, odd); n > 0 {
		all = append(all, fmt.Sprintf("belay gave %s answers other than asked for", count(n)))
	}
	if g, d, _ := gained(rounds); g > 0 || d > 0 {
		all = append(all, fmt.Sprintf("belay kept %d goroutines and %d descriptors of a past load", max(g, 0), max(d, 0)))
	}
	for _, one := range rounds {
		switch {
		case one.killed:
			all = append(all, fmt.Sprintf("belay had to be killed %v after the signal", grace+overtime))
		case one.exit != 0:
			all = append(all, fmt.Sprintf("belay stopped with exit code %d", one.exit))
		}
	}
	if h := r.hangs[belay]; h.named() && h.exit != 3 {
		all = append(all, fmt.Sprintf("belay named the hang, but with exit code %d instead of 3", h.exit))
	}
	return all
}

// verdict returns the word for the last line and the exit code.
func (r *results) verdict() (word string, exit int) {
	if sum(r.of(belay), lost) > 0 || len(r.faults()) > 0 || !r.hangs[belay].named() {
		return "FAIL", exitFail
	}
	for act := range r.rounds {
		if !r.controlLost(act) {
			return "NOTHING PROVED", exitHollow
		}
	}
	return "PASS", exitPass
}
