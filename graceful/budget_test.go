package graceful_test

// The sharing out of a stop's time, as a function of numbers.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func TestTheReportKeepsItsPartOfTheBudget(t *testing.T) {
	require.Equal(t, 24500*time.Millisecond, graceful.NewBudget(0, 1, noon).Usable())
	require.Equal(t, 2700*time.Millisecond, graceful.NewBudget(3*time.Second, 1, noon).Usable())
	require.Equal(t, graceful.Forever, graceful.NewBudget(-1, 1, noon).Usable())
}

func TestUnusedTimeFlowsOnToTheNextPhase(t *testing.T) {
	b := graceful.NewBudget(10*time.Second, 2, noon) // 9.5 s to use, 950 ms a phase kept
	free := []time.Duration{graceful.Forever, graceful.Forever}
	require.Equal(t, 8550*time.Millisecond, b.Window(noon, free))
	require.Equal(t, 8500*time.Millisecond, b.Window(noon.Add(time.Second), free[1:]))
	require.Equal(t, 950*time.Millisecond, b.Window(noon.Add(8550*time.Millisecond), free[1:]))
}

func TestAPhaseNeverGetsMoreThanItsLimitNorLessThanNothing(t *testing.T) {
	b := graceful.NewBudget(10*time.Second, 2, noon)
	require.Equal(t, time.Second, b.Window(noon, []time.Duration{time.Second}))
	require.Zero(t, b.Window(noon.Add(time.Hour), []time.Duration{graceful.Forever}))
	require.Equal(t, graceful.Forever, graceful.NewBudget(-1, 1, noon).Window(noon, []time.Duration{graceful.Forever}))
	require.Equal(t, 9490*time.Millisecond, b.Window(noon, []time.Duration{graceful.Forever, 10 * time.Millisecond}))
}

// Seven phases that all hang: once the reserve of each grew while they got
// fewer, and the second phase was left with nothing.
func TestTheReserveDoesNotGrowWhilePhasesGetFewer(t *testing.T) {
	b := graceful.NewBudget(3*time.Second, 7, noon)
	now, limits := noon, make([]time.Duration, 7)
	for i := range limits {
		limits[i] = 5 * time.Second
	}
	for i := range limits {
		w := b.Window(now, limits[i:])
		require.GreaterOrEqual(t, w, b.Usable()/14)
		now = now.Add(w)
	}
}

// FuzzBudget lets every phase use all it is given: together they stay within
// the budget, and each gets what was kept for it.
func FuzzBudget(f *testing.F) {
	f.Add(int64(3*time.Second), []byte{255, 1, 255, 0, 9})
	f.Add(int64(1), []byte{0})
	f.Add(int64(3*time.Second), []byte("0000000"))
	f.Add(int64(-1), []byte{1, 2, 3})
	f.Add(int64(1<<63-1), []byte{255, 255})
	f.Fuzz(func(t *testing.T, total int64, raw []byte) {
		b := graceful.NewBudget(time.Duration(total), len(raw), noon)
		limits := make([]time.Duration, len(raw))
		for i, n := range raw {
			limits[i] = time.Duration(n) * 100 * time.Millisecond
			if n == 255 {
				limits[i] = graceful.Forever
			}
		}
		now := noon
		for i := range limits {
			w := b.Window(now, limits[i:])
			require.GreaterOrEqual(t, w, time.Duration(0))
			require.LessOrEqual(t, w, limits[i])
			stop, cut := graceful.Split(w, limits[i])
			require.GreaterOrEqual(t, stop, time.Duration(0))
			if w != graceful.Forever {
				require.LessOrEqual(t, stop+cut, w)
			}
			if b.Usable() != graceful.Forever {
				kept := min(b.Usable()/10, b.Usable()/2/time.Duration(len(limits)), limits[i])
				require.GreaterOrEqual(t, w, kept)
				now = now.Add(w)
				require.LessOrEqual(t, now.Sub(noon), b.Usable())
			}
		}
	})
}
