package adaptive_test

// This file is a limit with a line in front that is too simple to be wrong. It keeps
// a list of all calls ever made, and knows of each what it asked for, when it gives
// up, and whose turn it is.

import (
	"time"

	"github.com/belay-go/belay"
)

// verdict is how far one call has come.
type verdict string

const (
	waiting  verdict = "waits"
	served   verdict = "served"
	gaveUp   verdict = "gave up"
	tooLarge verdict = "too large"
	full     verdict = "full"
)

// request is one call in the model.
type request struct {
	n        int64
	client   string
	priority int
	permit   bool  // else Acquire
	units    int64 // that its permit has
	until    time.Duration
	verdict  verdict
}

// group is a client, of one priority.
type group struct {
	client   string
	priority int
}

// model is a limit that stays where it is.
type model struct {
	limit, max, held int64
	queue            int
	patience         time.Duration
	newest           bool

	now      time.Duration
	serial   int
	turns    map[group]int // the client with the lowest is next; of those that wait
	since    time.Duration // when somebody began to wait
	requests []*request

	total, waited, refused, cancelled uint64
}

func (m *model) waiters() (all []*request) {
	for _, r := range m.requests {
		if r.verdict == waiting {
			all = append(all, r)
		}
	}
	return all
}

func (r *request) group() group { return group{r.client, r.priority} }

// fits: whoever asks for more than the limit has to be alone.
func (m *model) fits(n int64) bool { return n <= m.limit-m.held || m.held == 0 }

func (m *model) serve(r *request) {
	r.verdict = served
	m.held += r.n
	m.total += uint64(r.n)
	if r.permit {
		r.units = r.n
	}
}

func (m *model) refuse(r *request, as verdict) {
	r.verdict = as
	m.refused++
}

// request is a call that may wait.
func (m *model) request(r *request, done bool) {
	line := m.waiters()
	m.requests = append(m.requests, r)
	switch {
	case done:
		r.verdict = gaveUp
		m.cancelled++
		return
	case r.n > m.max:
		m.refuse(r, tooLarge)
		return
	case len(line) == 0 && m.fits(r.n):
		m.serve(r)
		return
	case m.queue < 0:
		m.refuse(r, full)
		return
	case len(line) >= m.queue:
		victim := m.victim(line, r)
		if victim == nil {
			m.refuse(r, full)
			m.serveLine() // who is the newest may have changed with time
			return
		}
		m.refuse(victim, full)
	}
	if len(line) == 0 {
		m.since = m.now
	}
	r.verdict = waiting
	m.serveLine()
}

// victim is the last call of the greediest client of the lowest priority, if that
// has less right to wait than r.
func (m *model) victim(line []*request, r *request) (victim *request) {
	lowest := line[0].priority
	count := map[string]int{}
	for _, w := range line {
		lowest = min(lowest, w.priority)
	}
	for _, w := range line {
		if w.priority == lowest {
			count[w.client]++
		}
	}
	for _, w := range line {
		if w.priority != lowest {
			continue
		}
		if victim == nil || count[w.client] > count[victim.client] || w.client == victim.client ||
			count[w.client] == count[victim.client] && m.turns[w.group()] < m.turns[victim.group()] {
			victim = w
		}
	}
	if lowest > r.priority || lowest == r.priority && count[victim.client] <= count[r.client]+1 {
		return nil
	}
	return victim
}

// next is who is served next: of the highest priority, of the client whose turn it
// is, who came first; or last, if the line is to be served so and has been standing.
func (m *model) next() (next *request) {
	newest := m.newest && m.now-m.since > 200*time.Millisecond
	for _, r := range m.waiters() {
		switch {
		case next == nil, r.priority > next.priority:
			next = r
		case r.priority < next.priority, m.turns[r.group()] > m.turns[next.group()]:
		case m.turns[r.group()] < m.turns[next.group()], newest:
			next = r
		}
	}
	return next
}

// serveLine brings the turns up to date, and serves until one doesn't fit.
func (m *model) serveLine() {
	for {
		m.takeTurns()
		r := m.next()
		if r == nil || !m.fits(r.n) {
			return
		}
		m.serve(r)
		m.waited++
		m.serial++
		m.turns[r.group()] = m.serial
	}
}

// takeTurns gives a turn to those who have none, and takes it from those who don't
// wait any more.
func (m *model) takeTurns() {
	here := map[group]bool{}
	for _, r := range m.waiters() {
		if here[r.group()] = true; m.turns[r.group()] == 0 {
			m.serial++
			m.turns[r.group()] = m.serial
		}
	}
	for g := range m.turns {
		if !here[g] {
			delete(m.turns, g)
		}
	}
}

// try is TryTake or TryAcquire.
func (m *model) try(n int64) verdict {
	r := &request{n: n}
	switch {
	case n == 0:
		return served
	case n > m.max:
		m.refuse(r, tooLarge)
	case len(m.waiters()) > 0 || !m.fits(n):
		m.refuse(r, full)
	default:
		m.serve(r)
	}
	return r.verdict
}

// release serves the line, if there is something to release: that time has passed is
// nothing that would let anybody look who is the newest.
func (m *model) release(n int64) {
	if n > 0 {
		m.held -= n
		m.serveLine()
	}
}

func (m *model) cancel(i int) {
	if r := m.requests[i]; r.verdict == waiting {
		r.verdict = gaveUp
		m.cancelled++
		m.serveLine()
	}
}

// setMax lowers the limit, if it is above; there is no law here that raises it.
func (m *model) setMax(n int64) {
	m.max = n
	m.limit = n // there is no overload, and Initial is above any of these
	m.serveLine()
}

// settle is Permit.Settle: gives back and takes nothing.
func (m *model) settle(r *request, cost int64) {
	if back := r.units - cost; back > 0 {
		r.units = cost
		m.release(back)
	}
}

// pass lets time pass; no two give up at the same instant.
func (m *model) pass(to time.Duration) {
	for {
		var first *request
		for _, r := range m.waiters() {
			if r.until > 0 && r.until <= to && (first == nil || r.until < first.until) {
				first = r
			}
		}
		if first == nil {
			break
		}
		m.now = first.until
		m.refuse(first, full)
		m.serveLine()
	}
	m.now = to
}

// loose is what is held without a permit.
func (m *model) loose() int64 {
	n := m.held
	for _, r := range m.requests {
		n -= r.units
	}
	return n
}

func (m *model) stats() belay.Stats {
	return belay.Stats{
		Limit: m.limit, InFlight: m.held, Waiting: int64(len(m.waiters())),
		Total: m.total, Waited: m.waited, Refused: m.refused, Cancelled: m.cancelled,
	}
}
