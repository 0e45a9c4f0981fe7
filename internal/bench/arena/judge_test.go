package main

// This file tests that who deserves a mark gets it, and nobody else.

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// little is a scenario that is quickly played.
func little() *scenario {
	s := plain("little", lognormal, 1, .95)
	s.phases = s.phases[:2]
	s.phases = append(s.phases, phase{name: "E", lasts: 10 * sec, after: 5 * sec, rate: 2000, workers: 40, light: true})
	for i := range s.phases {
		s.phases[i].lasts = 15 * sec
	}
	return s
}

func fixedEntrant(name string, size int) entrant {
	return entrant{name: name, core: func() Core { return &fixed{size: size} }}
}

// brief is the beginning of a scenario, in short.
func brief(s *scenario, phases int) *scenario {
	s.phases = s.phases[:phases]
	for i := range s.phases {
		s.phases[i].lasts, s.phases[i].after = 4*sec, sec
	}
	return s
}

// stingy refuses every tenth request, whatever the load is.
type stingy struct {
	fixed
	n int
}

func (s *stingy) Acquire(now time.Duration) bool {
	s.n++
	return s.n%10 != 0 && s.fixed.Acquire(now)
}

// sleepy lets hardly anybody through for two seconds of each phase.
type sleepy struct{ fixed }

func (s *sleepy) Acquire(now time.Duration) bool {
	return now%(15*sec) > 2*sec && s.fixed.Acquire(now)
}

func TestBadLimitersAreMarked(t *testing.T) {
	s := little()
	p := contest(bubbles{t: t}, s, []entrant{
		fixedEntrant("good", 46),
		{name: "stingy", core: func() Core { return &stingy{fixed: fixed{size: 46}} }},
		{name: "sleepy", core: func() Core { return &sleepy{fixed{size: 46}} }},
		fixedEntrant("long", 120),
		fixedEntrant("short", 15),
	}, 1, false)
	missed := map[string]string{}
	for _, v := range p.verdicts {
		for _, ph := range v.Phases {
			missed[v.Limiter] += strings.Join(ph.Misses, "; ") + "\n"
		}
	}
	require.Empty(t, strings.TrimSpace(missed["good"]))
	require.Equal(t, 2, strings.Count(missed["stingy"], "refused 10."))
	require.Equal(t, 2, strings.Count(missed["stingy"], "goodput")) // of the light phases: when there are enough, nobody feels it
	require.Equal(t, 3, strings.Count(missed["sleepy"], "first 5 s"))
	require.NotContains(t, missed["sleepy"], "goodput")
	require.NotContains(t, missed["sleepy"], "refused")
	require.Equal(t, 1, strings.Count(missed["long"], "p99"))
	require.Equal(t, 3, strings.Count(missed["short"], "goodput"))

	var out bytes.Buffer
	p.print(&out)
	require.Regexp(t, `stingy +9\d\* \[`, out.String())
	require.Regexp(t, `stingy +10\.\d\* \(`, out.String())
	require.Regexp(t, `good +(100|99) \[\d\.\d\d\] +(100|99|98) \[\d\.\d\d\] +(100|99) \[`, out.String())
}

func TestTheOracleIsAtLeastAsGoodAsEveryFixedLimit(t *testing.T) {
	for _, s := range []*scenario{little(), brief(row(), 2), brief(pauses(), 2)} {
		traces := [][]request{trace(s, 1)}
		o := findOracle(s, traces)
		for i := range s.phases {
			require.NotEmpty(t, o[i].swept)
			for _, other := range o[i].swept {
				c := other.tally[len(other.tally)-1] // the phase by itself is the last
				require.LessOrEqual(t, c.settled.good, o[i].good)
				require.LessOrEqual(t, c.first.good, o[i].first)
			}
			require.GreaterOrEqual(t, float64(o[i].counts.settled.good), (1-tie)*float64(o[i].good))
		}
		// Nor is any better that the sweep has not tried, played from the beginning.
		for _, limit := range []int{33, 40, 47, 70, 170} {
			for i, c := range play(s, traces[0], nil, nil, fixedGate(limit)) {
				require.LessOrEqual(t, float64(c.settled.good), 1.02*float64(o[i].good), "%s, phase %d, limit %d", s.name, i, limit)
			}
		}
	}
}

func TestBothWaysToRunGiveTheSameForAFixedLimit(t *testing.T) {
	b := bubbles{t: t}
	for _, s := range []*scenario{little(), row(), retries(), lock(), pauses(), failures()} {
		brief(s, 2)
		requests := trace(s, 2)
		want := play(s, requests, nil, nil, fixedGate(40))
		require.Equal(t, want, b.play(s, requests, nil, fixedGate(40)), s.name)
	}
}

func TestInABubbleALimiterReadsTheSimulationsTime(t *testing.T) {
	for _, grain := range []time.Duration{0, 500 * time.Microsecond} {
		b, w := bubbles{t: t, grain: grain}, &watch{}
		b.play(brief(little(), 2), trace(brief(little(), 2), 2), nil, func() gate { w.begin = time.Now(); return w })
		require.Positive(t, w.n)
		require.LessOrEqual(t, w.most, grain)
	}
}

// watch compares the time that it reads with the one that it is told.
type watch struct {
	begin time.Time
	most  time.Duration
	n     int
}

func (w *watch) look(now time.Duration) {
	w.n++
	w.most = max(w.most, (now - time.Since(w.begin)).Abs())
}
func (w *watch) acquire(now time.Duration, _ int) bool          { w.look(now); return w.n%2 == 0 }
func (w *watch) release(now, _ time.Duration, _ int, _ Outcome) { w.look(now) }
func (w *watch) limit() int                                     { return 1 }

func TestTheSameSeedGivesTheSameTable(t *testing.T) {
	table := func(seed uint64) string {
		var out bytes.Buffer
		for _, s := range []*scenario{little(), random(seed)} {
			brief(s, 2)
			contest(bubbles{t: t}, s, entrants(), 1, true).print(&out)
		}
		return out.String()
	}
	first := table(4)
	require.Equal(t, first, table(4))
	require.NotEqual(t, first, table(5))
}

func TestLightPhasesAreLight(t *testing.T) {
	all := scenarios()
	for seed := range uint64(200) {
		all = append(all, random(seed))
	}
	for _, s := range all {
		require.NotEmpty(t, s.goal, s.name)
		for i := range s.phases {
			p := &s.phases[i]
			if p.light && p.law.draw == nil {
				require.Less(t, max(p.rate, p.to)/p.capacity(s), .8, "%s %s", s.name, p.name)
			}
			require.Less(t, p.slots(s), float64(s.widest()), "%s %s", s.name, p.name)
			require.Less(t, p.after, p.lasts)
		}
	}
}

func TestADrawingIsXMLWithALineForEachLimiter(t *testing.T) {
	p := contest(bubbles{t: t}, brief(row(), 3), []entrant{fixedEntrant("a<b", 50), fixedEntrant("none", none)}, 1, true)
	drawing := svg(p)
	d := xml.NewDecoder(strings.NewReader(drawing))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
	require.Equal(t, 2+1, strings.Count(drawing, `class="li"`)) // and the legend's
	require.Equal(t, 2+1, strings.Count(drawing, `class="l2"`))
	require.Equal(t, 2+1, strings.Count(drawing, `class="fl"`))
	require.Contains(t, drawing, "prefers-color-scheme")
	require.Contains(t, drawing, "a&lt;b")
	require.NotContains(t, drawing, "NaN")
	require.Len(t, p.verdicts[0].drawn.Limit, points)
}

func TestWhatIsUnrulyIsNotJudgedAndSeedsAddUp(t *testing.T) {
	s := brief(little(), 2)
	s.phases[1].unruly = true
	p := contest(bubbles{t: t}, s, []entrant{fixedEntrant("short", 15)}, 2, false)
	require.NotEmpty(t, p.verdicts[0].Phases[0].Misses)
	require.False(t, p.verdicts[0].Phases[1].Judged)
	require.Empty(t, p.verdicts[0].Phases[1].Misses)

	one, other := play(s, trace(s, 1), nil, nil, fixedGate(15)), play(s, trace(s, 2), nil, nil, fixedGate(15))
	good, arrived, n := one[0].whole.good, one[0].whole.arrived, one[0].whole.late.n
	one.add(other)
	require.Equal(t, good+other[0].whole.good, one[0].whole.good)
	require.Equal(t, arrived+other[0].whole.arrived, one[0].whole.arrived)
	require.Equal(t, n+other[0].whole.late.n, one[0].whole.late.n)
}
