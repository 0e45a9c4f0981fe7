package main

// This file is the simulation: clients, limiters and servers on virtual time. It is
// one goroutine whatever the limiter.

import (
	"sort"
	"time"
)

const backoff = 50 * time.Millisecond // of a client that was refused, on average; twice as long each time

// job is a request that a client has not given up and not got an answer to.
type job struct {
	id      int           // in the trace, -1: none
	tries   int           // that were refused
	start   time.Duration // at the first limiter
	work    time.Duration
	class   uint8
	behind  time.Duration // at the second
	stage   int           // how many limiters have let it through
	outcome Outcome
}

type sim struct {
	scenario *scenario
	trace    []request
	gates    []gate
	servers  []server
	agenda   agenda
	jobs     []job
	free     []int
	phase    int
	begins   []time.Duration
	first    []int         // of the trace, by phase
	let      []int         // how many the first limiter has let through, by phase
	frozen   time.Duration // until when nothing moves
	tally    tally
	series   *series // nil: not wanted

	sleep func(time.Duration) // in a bubble: the clock moves by sleeping
	slept time.Duration
	grain time.Duration // by how much that clock may be late
}

// bubble is how the time passes that limiters read for themselves.
type bubble struct {
	sleep func(time.Duration)
	grain time.Duration // by how much it may be late
}

// play runs a scenario's requests against new limiters: in a bubble, or, if that is
// nil, on time of its own. The last limiter is that of all further servers.
func play(s *scenario, requests []request, b *bubble, drawn *series, limiters ...func() gate) tally {
	m := &sim{scenario: s, trace: requests, series: drawn, tally: make(tally, len(s.phases))}
	if b != nil {
		m.sleep, m.grain = b.sleep, b.grain
	}
	for _, l := range limiters {
		m.gates = append(m.gates, l())
	}
	if s.knee > 0 {
		m.servers = append(m.servers, &together{sim: m, jam: s.jam})
	} else {
		m.servers = append(m.servers, &workers{sim: m})
	}
	if s.front > 0 {
		m.servers = append(m.servers, &workers{sim: m, id: 1})
		if len(m.gates) == 1 {
			m.gates = append(m.gates, limiters[0]())
		}
	}
	begin := time.Duration(0)
	m.let = make([]int, len(s.phases))
	for i := range s.phases {
		m.first = append(m.first, sort.Search(len(requests), func(j int) bool { return int(requests[j].phase) >= i }))
		m.begins = append(m.begins, begin)
		m.agenda.add(begin, turn, 0, int32(i))
		begin += s.phases[i].lasts
	}
	if s.every > 0 {
		m.agenda.add(s.every, freeze, 0, 0)
	}
	m.agenda.add(begin+2*s.goal[len(s.goal)-1], enough, 0, 0)
	m.run()
	return m.tally
}

func (m *sim) run() {
	next := 0
	for {
		at := m.agenda.next()
		if next < len(m.trace) && m.trace[next].at < at {
			m.arrive(m.trace[next].at, next)
			next++
			continue
		}
		e := m.agenda.take()
		if e.kind == enough {
			m.close(at)
			return
		}
		m.handle(at, e)
	}
}

func (m *sim) handle(now time.Duration, e event) {
	switch e.kind {
	case turn:
		m.phase = int(e.slot)
		p := &m.scenario.phases[m.phase]
		m.servers[0].change(now, max(p.workers, m.scenario.knee), p.slowness())
		if len(m.servers) > 1 {
			m.servers[1].change(now, p.behind, p.slowness())
		}
	case freeze:
		for _, s := range m.servers {
			s.advance(now)
		}
		m.frozen = now + m.scenario.pause
		m.agenda.postpone(m.scenario.pause)
		m.agenda.add(now+m.scenario.every, freeze, 0, 0)
		m.agenda.add(m.frozen, thaw, 0, 0)
		for _, s := range m.servers {
			s.plan(now)
		}
	case thaw:
	case served, shared:
		for _, slot := range m.servers[e.server].ready(now, e) {
			m.onward(now, slot)
		}
	case over:
		m.answer(now, int(e.slot))
	case again:
		m.try(now, int(e.slot))
	}
}

func (m *sim) arrive(now time.Duration, id int) {
	slot := len(m.jobs)
	if n := len(m.free); n > 0 {
		slot, m.free = m.free[n-1], m.free[:n-1]
	} else {
		m.jobs = append(m.jobs, job{})
	}
	m.jobs[slot] = job{id: id}
	m.try(now, slot)
}

// clock makes the time that limiters read for themselves that of the simulation.
func (m *sim) clock(now time.Duration) {
	if m.sleep != nil && now > m.slept+m.grain {
		m.sleep(now - m.slept)
		m.slept = now
	}
}

func (m *sim) try(now time.Duration, slot int) {
	m.clock(now)
	m.series.note(m, now)
	if !m.gates[0].acquire(now, slot) {
		m.refuse(now, slot)
		return
	}
	m.series.in(1)
	j := &m.jobs[slot]
	j.start, j.stage = now, 1
	if p := &m.scenario.phases[m.phase]; p.fails {
		j.outcome = p.outcome
		m.agenda.add(now+failure, over, 0, int32(slot))
		return
	}
	j.work, j.class = m.draw()
	work := j.work
	if m.scenario.front > 0 {
		work = time.Duration(float64(work) * m.scenario.front)
	}
	m.servers[0].take(now, slot, work)
}

// draw returns the work of who has just been let through. It is not who that is that
// counts but how many were before, in this phase: so servers that are always busy do the
// same work behind every limiter, and none is better by the luck of whom it let through.
func (m *sim) draw() (work time.Duration, class uint8) {
	from, to := m.first[m.phase], len(m.trace)
	if m.phase+1 < len(m.first) {
		to = m.first[m.phase+1]
	}
	n := m.let[m.phase]
	m.let[m.phase]++
	if from == to { // somebody who tries again in a phase in which nobody comes
		from, to = 0, len(m.trace)
	}
	r := &m.trace[from+n%(to-from)]
	return r.work, r.class
}

// onward sends a request that a server is ready with to the next, or home.
func (m *sim) onward(now time.Duration, slot int) {
	j := &m.jobs[slot]
	if j.stage < len(m.servers) {
		m.clock(now)
		if !m.gates[1].acquire(now, slot) {
			j.outcome = Dropped
			m.answer(now, slot)
			return
		}
		j.behind, j.stage = now, 2
		m.servers[1].take(now, slot, j.work)
		return
	}
	if m.scenario.delay > 0 {
		m.agenda.add(now+m.scenario.delay, over, 0, int32(slot))
		return
	}
	m.answer(now, slot)
}

// answer ends a request that the first limiter has let through.
func (m *sim) answer(now time.Duration, slot int) {
	m.clock(now)
	m.series.note(m, now)
	j := &m.jobs[slot]
	if j.stage == 2 {
		m.gates[1].release(now, j.behind, slot, j.outcome)
	}
	m.gates[0].release(now, j.start, slot, j.outcome)
	m.series.in(-1)
	if j.outcome == Dropped && len(m.servers) > 1 {
		m.refuse(now, slot) // by the second limiter
		return
	}
	m.count(slot, func(i *interval) {
		took := now - j.start
		if j.outcome == OK {
			i.late.count(took)
		}
		if j.outcome == OK && took <= m.scenario.goalOf(int(j.class)) {
			i.good++
		} else {
			i.bad++
		}
	})
	m.drop(slot)
}

func (m *sim) refuse(now time.Duration, slot int) {
	j := &m.jobs[slot]
	if j.tries < m.scenario.retries {
		wait := time.Duration((.5 + chance(j.id, j.tries)) * float64(backoff<<j.tries))
		j.tries, j.stage, j.outcome = j.tries+1, 0, OK
		m.agenda.add(now+wait, again, 0, int32(slot))
		return
	}
	j.tries++
	m.count(slot, func(i *interval) { i.refused++ })
	m.drop(slot)
}

// chance is between 0 and 1, and a client's own: the same for every limiter.
func chance(id, tries int) float64 {
	x := uint64(id)*4 + uint64(tries) + 1 // splitmix64
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

func (m *sim) drop(slot int) {
	m.jobs[slot].id = -1
	m.free = append(m.free, slot)
}

// count counts a request where it arrived.
func (m *sim) count(slot int, add func(*interval)) {
	j := &m.jobs[slot]
	r := &m.trace[j.id]
	c, in := &m.tally[r.phase], r.at-m.begins[r.phase]
	note := func(i *interval) {
		i.arrived++
		if j.tries > 0 {
			i.turned++
		}
		add(i)
	}
	note(&c.whole)
	if in < transient {
		note(&c.first)
	}
	if in >= m.scenario.phases[r.phase].after {
		note(&c.settled)
	}
}

// close counts what has no answer in the end: it was late already, or refused.
func (m *sim) close(now time.Duration) {
	for slot := range m.jobs {
		j := &m.jobs[slot]
		if j.id < 0 {
			continue
		}
		m.count(slot, func(i *interval) {
			if j.stage == 0 {
				i.refused++
				return
			}
			i.bad++
			i.late.count(now - j.start)
		})
	}
}
