package drive

// The counters of a wave of load: each worker fills its own, and they are
// merged when all have ended, so counting costs the load nothing.

import (
	"fmt"
	"time"
)

// maxDetails is how many failed requests a tally describes.
const maxDetails = 20

// tally counts what became of the requests of one worker, or of many once
// merged. Only its owner may use it.
type tally struct {
	outcomes [numOutcomes]int
	last     time.Time     // when the last answer was complete
	stall    time.Duration // longest time between two answers on one worker
	details  []detail      // of what was neither answered nor refused
}

// detail describes one request that went wrong.
type detail struct {
	at       time.Time
	protocol protocol
	result
}

func (d detail) String() string {
	return fmt.Sprintf("%s %s: %v", d.protocol, d.outcome, d.err)
}

// add counts one request that ended at now.
func (t *tally) add(p protocol, r result, now time.Time) {
	t.outcomes[r.outcome]++
	switch r.outcome {
	case answered:
		if !t.last.IsZero() {
			t.stall = max(t.stall, now.Sub(t.last))
		}
		t.last = now
	case odd, lost, broken:
		if len(t.details) < maxDetails {
			t.details = append(t.details, detail{now, p, r})
		}
	}
}

// merge adds the counts of another tally.
func (t *tally) merge(o tally) {
	for i, n := range o.outcomes {
		t.outcomes[i] += n
	}
	if o.last.After(t.last) {
		t.last = o.last
	}
	t.stall = max(t.stall, o.stall)
	room := max(maxDetails-len(t.details), 0)
	t.details = append(t.details, o.details[:min(room, len(o.details))]...)
}

// tallies are those of all protocols.
type tallies [numProtocols]tally

func (t *tallies) merge(o tallies) {
	for p := range t {
		t[p].merge(o[p])
	}
}

// total counts an outcome over all protocols.
func (t *tallies) total(o outcome) (n int) {
	for p := range t {
		n += t[p].outcomes[o]
	}
	return n
}

// last returns when the last answer was complete.
func (t *tallies) last() (last time.Time) {
	for p := range t {
		if t[p].last.After(last) {
			last = t[p].last
		}
	}
	return last
}

// details describes the failed requests of all protocols.
func (t *tallies) details() (all []detail) {
	for p := range t {
		all = append(all, t[p].details...)
	}
	return all
}
