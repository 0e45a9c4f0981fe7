package main

// This file tests the simulation's parts by what is known of them without one.

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func once(rate float64, workers int) []phase {
	return []phase{{name: "all", lasts: 200 * sec, after: sec, rate: rate, workers: workers}}
}

func TestASharedServerTakesAsLongAsTheoryHasIt(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: lognormal, goal: []time.Duration{sec}, knee: 1, phases: once(70, 0)}
	requests := trace(s, 5)
	o := &observed{Core: &fixed{size: none}}
	play(s, requests, nil, nil, func() gate { return coreGate{o} })
	// Processor sharing does not care for the law of service: 1 / (100/s - 70/s).
	require.InEpsilon(t, 1./30, o.sum.Seconds()/float64(o.starts), .05)
}

func TestASharedServerAtNoMoreThanItsKneeIsAsFastAsAlone(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: exponential, goal: []time.Duration{sec}, knee: 50, jam: 1, phases: once(500, 0)}
	requests := trace(s, 5)
	var work time.Duration
	for _, r := range requests {
		work += r.work
	}
	o := &observed{Core: &fixed{size: 50}}
	play(s, requests, nil, nil, func() gate { return coreGate{o} })
	require.InEpsilon(t, work.Seconds(), o.sum.Seconds(), .001)
}

func TestAJamCostsWhatItSays(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: exponential, goal: []time.Duration{sec}, knee: 10, jam: .5, phases: once(5000, 0)}
	requests := trace(s, 5)
	for limit, rate := range map[int]float64{5: 500, 10: 1000, 20: 1000 / 1.5, 40: 1000 / 2.5} {
		got := play(s, requests, nil, nil, fixedGate(limit))[0].settled
		require.InEpsilon(t, rate, float64(got.good)/199, .03, "limit %d", limit)
	}
}

func TestInAPauseNothingMoves(t *testing.T) {
	for _, knee := range []int{0, 10} {
		s := &scenario{
			mean: 10 * ms, law: lognormal, goal: []time.Duration{sec}, pause: 300 * ms, every: sec,
			knee: knee, phases: once(2000, 10),
		}
		got := play(s, trace(s, 5), nil, nil, fixedGate(20))[0].settled
		require.InEpsilon(t, 700, float64(got.good)/199, .02, "knee %d", knee)
		require.Greater(t, got.late.quantile(.99), 300*ms)
	}
}

func TestAPauseIsAddedToWhatItFindsAndKeepsWhoComesInIt(t *testing.T) {
	for _, knee := range []int{0, 1000} {
		s := &scenario{
			mean: 10 * ms, law: steady, goal: []time.Duration{sec}, pause: 300 * ms, every: sec,
			knee: knee, phases: once(300, 1000),
		}
		o := &observed{Core: &fixed{size: none}}
		play(s, trace(s, 5), nil, nil, func() gate { return coreGate{o} })
		// Of a second's requests 300 ms' wait for half of that, and 10 ms' for all of it.
		require.InEpsilon(t, .010+.3*.15+.01*.3, o.sum.Seconds()/float64(o.starts), .025, "knee %d", knee)
	}
}

func TestWhatIsElsewhereTakesNoWorker(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: steady, goal: []time.Duration{sec}, delay: 200 * ms, phases: once(500, 10)}
	got := play(s, trace(s, 5), nil, nil, fixedGate(none))[0].settled
	require.Equal(t, got.arrived, got.good)
	require.InDelta(t, .213, got.late.quantile(.5).Seconds(), .005)
}

func TestAClientTriesAsOftenAsItSays(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: steady, goal: []time.Duration{sec}, retries: 3, phases: once(100, 10)}
	requests := trace(s, 5)
	asked := &asking{}
	got := play(s, requests, nil, nil, func() gate { return coreGate{asked} })[0].whole
	require.Equal(t, 4*len(requests), asked.n)
	require.Equal(t, len(requests), got.refused)
	require.Equal(t, len(requests), got.turned)
}

// asking refuses everything.
type asking struct{ n int }

func (a *asking) Acquire(time.Duration) bool                    { a.n++; return false }
func (a *asking) Release(time.Duration, time.Duration, Outcome) {}
func (a *asking) Limit() int                                    { return 0 }

// outcomes counts what it is told.
type outcomes struct {
	Core
	n [3]int
}

func (o *outcomes) Release(now, start time.Duration, outcome Outcome) {
	o.n[outcome]++
	o.Core.Release(now, start, outcome)
}

func TestTheFirstLimiterHearsOfTheSecondsRefusals(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: lognormal, goal: []time.Duration{sec}, front: .2, phases: once(200, 20)}
	s.phases[0].behind = 1
	requests := trace(s, 5)
	first, second := &outcomes{Core: &fixed{size: none}}, &outcomes{Core: &fixed{size: 1}}
	got := play(s, requests, nil, nil, func() gate { return coreGate{first} }, func() gate { return coreGate{second} })[0].whole
	require.Equal(t, got.refused, first.n[Dropped])
	require.Equal(t, len(requests)-got.refused, first.n[OK])
	require.Equal(t, first.n[OK], second.n[OK])
	require.InEpsilon(t, 2./3, got.refusals(), .02) // of M/M/1/1 at a load of two
	require.Zero(t, first.n[Ignored]+second.n[Dropped]+second.n[Ignored])
}

func TestInAFailingPhaseEveryRequestFailsAtOnce(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: lognormal, goal: []time.Duration{sec}, phases: once(100, 1)}
	s.phases[0].fails, s.phases[0].outcome = true, Ignored
	requests := trace(s, 5)
	o := &outcomes{Core: &fixed{size: none}}
	got := play(s, requests, nil, nil, func() gate { return coreGate{o} })[0].whole
	require.Equal(t, len(requests), o.n[Ignored])
	require.Equal(t, len(requests), got.bad)
}

func TestAPhaseChangesTheServer(t *testing.T) {
	s := &scenario{mean: 10 * ms, law: lognormal, goal: []time.Duration{sec}, phases: []phase{
		{lasts: 50 * sec, after: sec, rate: 5000, workers: 20},
		{lasts: 50 * sec, after: sec, rate: 5000, workers: 10},
		{lasts: 50 * sec, after: sec, rate: 5000, workers: 30, slow: 2},
	}}
	got := play(s, trace(s, 5), nil, nil, fixedGate(40))
	for i, rate := range []float64{2000, 1000, 1500} {
		require.InEpsilon(t, rate, float64(got[i].settled.good)/49, .02)
		require.InEpsilon(t, rate, s.phases[i].capacity(s), 1e-9)
	}
}

func TestArrivalsComeAsThePhaseSays(t *testing.T) {
	for name, p := range map[string]phase{
		"steady": {rate: 1000}, "by the dozen": {rate: 1000, batch: 12}, "growing": {rate: 500, to: 1500},
		"on and off": {rate: 1000, cycle: 2 * sec, quiet: .1}, "all off": {rate: 1000, cycle: 2 * sec},
	} {
		p.lasts = 100 * sec
		s := &scenario{mean: ms, law: steady, phases: []phase{p}}
		requests := trace(s, 5)
		require.InEpsilon(t, 100_000, len(requests), .03, name)
		require.True(t, slices.IsSortedFunc(requests, func(a, b request) int { return cmp.Compare(a.at, b.at) }), name)
		quiet := 0
		for _, r := range requests {
			if p.cycle > 0 && r.at%p.cycle < p.cycle/2 {
				quiet++
			}
		}
		require.InDelta(t, p.quiet, float64(quiet)/100_000, .01, name)
	}
}

func TestEveryLawHasAMeanOfOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, l := range []law{lognormal, exponential, bimodal, steady, shortAndLong(.02, .5, 25.5, .3)} {
		sum := 0.0
		for range 1_000_000 {
			work, _ := l.draw(r)
			sum += work
		}
		require.InEpsilon(t, 1, sum/1e6, .01, l.name)
	}
}

func TestTheAgendaIsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a agenda
	for range 1000 {
		a.add(time.Duration(r.IntN(100)), eventKind(r.IntN(2)), 0, 0)
	}
	a.postpone(50)
	var last event
	for range 1000 {
		require.Equal(t, a.heap[0].at, a.next())
		e := a.take()
		require.False(t, e.before(&last))
		last = e
	}
}

func TestAQuantileIsRightToAPercent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h, other histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(lognormalOf(r, 2) * 1e7)
		all = append(all, d)
		if i%2 == 0 {
			h.count(d)
		} else {
			other.count(d)
		}
	}
	h.add(&other)
	slices.Sort(all)
	for _, q := range []float64{0, .01, .5, .9, .99, .999} {
		require.InEpsilon(t, all[int(q*10_000)], h.quantile(q), .009, "%v", q)
	}
}
