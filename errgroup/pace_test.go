package errgroup

// This file tests the rule by which a worker shares its processor: what it
// learns, and that tasks get their turn whatever it has learned.

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestSpellsDoubleWhileStallsFollowSoon(t *testing.T) {
	var p pace
	spell := func(taken int) int {
		t.Helper()
		p.careful, p.taken = 0, taken
		p.stall()
		require.Zero(t, p.taken)
		require.Equal(t, p.spell, p.careful)
		return p.spell
	}
	require.Equal(t, firstSpell, spell(0), "the first stall is a stray one until shown otherwise")
	require.Equal(t, 2*firstSpell, spell(soon-1))
	require.Equal(t, 4*firstSpell, spell(0))
	require.Equal(t, firstSpell, spell(soon), "a long while without")
	for range 100 {
		spell(1)
	}
	require.Equal(t, longestSpell, p.spell)
	require.Positive(t, p.thin)
}

func TestAStallWithinASpellChangesNothing(t *testing.T) {
	var p pace
	p.stall()
	p.careful--
	before := p
	p.stall()
	require.Equal(t, before, p)
}

// A group that is careful hands every task to a new worker; tasks wait for each
// other all the same, and nothing is lost between spells.
func TestACarefulGroupRunsEveryTaskAtOnce(t *testing.T) {
	for _, careful := range []int{0, 1, 7, 1 << 30} {
		for _, limit := range []int{1, 2, 8, 64} {
			t.Run(fmt.Sprintf("%d hand-overs, limit %d", careful, limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var g Group
					g.SetLimit(limit)
					g.lock()
					g.lineLocked().pace = pace{careful: careful, thin: 1 << 30}
					g.mu.Unlock()
					ran := 0
					var mu sync.Mutex
					for range 5 {
						var all sync.WaitGroup // limit tasks meet
						all.Add(limit)
						for range limit {
							g.Go(func() error { all.Done(); all.Wait(); return nil })
						}
						for range 3 * limit {
							g.Go(func() error { mu.Lock(); ran++; mu.Unlock(); return nil })
						}
					}
					require.NoError(t, g.Wait())
					require.Equal(t, 5*3*limit, ran)
					synctest.Wait()
					require.Zero(t, g.mu.line.spare)
					require.Zero(t, g.mu.line.queue.len())
					require.Zero(t, g.woken.Load())
				})
			})
		}
	}
}
