package limiter_test

// This file tests that what is said of the work at its end reaches what a permit
// was taken from, exactly once, through whatever the permit is made of.

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// told is a source that wants to know how work ended: units by outcome.
type told struct{ released, dropped, ignored, calls atomic.Int64 }

func (s *told) Release(n int64) { s.released.Add(n); s.calls.Add(1) }
func (s *told) Drop(n int64)    { s.dropped.Add(n); s.calls.Add(1) }
func (s *told) Ignore(n int64)  { s.ignored.Add(n); s.calls.Add(1) }

// heard returns what it was told, and forgets it.
func (s *told) heard() [3]int64 {
	return [3]int64{s.released.Swap(0), s.dropped.Swap(0), s.ignored.Swap(0)}
}

// TryTake and Take make it a limit without an end.
func (s *told) TryTake(n int64) (limiter.Permit, error) { return limiter.NewPermit(s, n), nil }
func (s *told) Take(_ context.Context, n int64) (limiter.Permit, error) {
	return s.TryTake(n)
}

// housed is told with a slot of its own; what comes back early is refunded.
type housed struct {
	told
	slot     limiter.Slot
	refunded atomic.Int64
	during   func() // of a Refund
}

func (h *housed) Refund(n int64) {
	if h.during != nil {
		h.during()
	}
	h.refunded.Add(n)
}
func (h *housed) permit(n int64) limiter.Permit { return h.slot.Permit(h, n) }

// endings are the ways in which a permit ends, with what its source then hears
// of five units.
var endings = map[string]struct {
	end   func(limiter.Permit)
	heard [3]int64
}{
	"Release": {limiter.Permit.Release, [3]int64{5, 0, 0}},
	"Drop":    {limiter.Permit.Drop, [3]int64{0, 5, 0}},
	"Ignore":  {limiter.Permit.Ignore, [3]int64{0, 0, 5}},
}

// endAgain ends a permit in every way, and settles it.
func endAgain(p limiter.Permit) {
	for _, e := range endings {
		e.end(p)
	}
	p.Settle(0)
	p.Settle(9)
}

func TestTheOutcomeReachesTheSourceOnce(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			var s told
			var h housed
			tracked := limiter.Watch(&s)
			tracked.Track(true)
			watched, err := tracked.TryTake(5)
			require.NoError(t, err)
			bundle, err := limiter.All(&s, semaphore.NewWeighted(9), rate.NewLimiter(1, 9)).TryTake(5)
			require.NoError(t, err)
			for kind, p := range map[string]limiter.Permit{
				"of NewPermit": limiter.NewPermit(&s, 5),
				"of a slot":    h.permit(5),
				"a bundle":     bundle,
				"watched":      watched,
			} {
				from := &s
				if kind == "of a slot" {
					from = &h.told
				}
				copied := p
				e.end(p)
				require.Equal(t, e.heard, from.heard(), kind)
				endAgain(copied)
				require.Zero(t, from.heard(), "%s, again", kind)
			}
			require.Empty(t, tracked.Holders())
		})
	}
}

func TestEveryPartOfABundleHearsTheOutcomeOnce(t *testing.T) {
	for name, e := range endings {
		var a, b, c told
		s := semaphore.NewWeighted(5)
		inner := limiter.All(&b, s)
		watched := limiter.Watch(&c)
		watched.Track(true)
		p, err := limiter.All(&a, inner, watched).Take(t.Context(), 5)
		require.NoError(t, err)
		e.end(p)
		endAgain(p)
		for _, part := range []*told{&a, &b, &c} {
			require.EqualValues(t, 1, part.calls.Load(), name)
			require.Equal(t, e.heard, part.heard(), name)
		}
		require.Zero(t, s.Stats().InFlight, name)
		require.Empty(t, watched.Holders(), name)
	}
}

func TestASourceThatDoesNotAskForOutcomesGetsItsUnitsBack(t *testing.T) {
	for name, e := range endings {
		var p places
		var d debts
		s := semaphore.NewWeighted(5)
		for _, permit := range []limiter.Permit{p.take(5), d.take(5)} {
			e.end(permit)
			endAgain(permit)
		}
		permit, err := s.TryTake(5)
		require.NoError(t, err)
		e.end(permit)
		endAgain(permit)
		require.Zero(t, p.out.Load()+d.out.Load()+s.Stats().InFlight, name)
	}
}

func TestTheOutcomeIsOfWhatIsLeftAfterSettling(t *testing.T) {
	for name, e := range endings {
		var s told
		p := limiter.NewPermit(&s, 7)
		p.Settle(5)
		require.Equal(t, [3]int64{2, 0, 0}, s.heard(), name)
		e.end(p)
		require.Equal(t, e.heard, s.heard(), name)

		var h housed
		p = h.permit(7)
		p.Settle(5)
		require.Zero(t, h.heard(), name)
		e.end(p)
		require.Equal(t, e.heard, h.heard(), name)
		require.EqualValues(t, 2, h.refunded.Load(), name)
	}
}

func TestTheOutcomesOfAStalePermitReachNobody(t *testing.T) {
	var s told
	var h housed
	stale := []limiter.Permit{limiter.NewPermit(&s, 1), h.permit(1)}
	stale[0].Release()
	stale[1].Release()
	s.heard()
	h.heard()
	held := []limiter.Permit{limiter.NewPermit(&s, 5), h.permit(5)}
	for _, p := range stale {
		endAgain(p)
	}
	endAgain(limiter.Permit{})
	require.Zero(t, s.heard())
	require.Zero(t, h.heard())
	for _, p := range held {
		p.Drop()
	}
	require.Equal(t, [3]int64{0, 5, 0}, s.heard())
	require.Equal(t, [3]int64{0, 5, 0}, h.heard())
}

// Whoever keeps permits in slots may give the slot to the next as soon as it hears
// of the end: a refund after that would be taken from the next one's units.
func TestAnEndThatComesWhileASettleRefundsWaitsForIt(t *testing.T) {
	for name, e := range endings {
		var h housed
		p := h.permit(8)
		h.during = func() {
			e.end(p)
			for _, again := range endings {
				again.end(p)
			}
			require.Zero(t, h.calls.Load(), "%s: the slot is still in use", name)
		}
		p.Settle(5)
		require.EqualValues(t, 3, h.refunded.Load(), name)
		require.EqualValues(t, 1, h.calls.Load(), name)
		require.Equal(t, e.heard, h.heard(), name)
		h.during = nil
		endAgain(p)
		h.permit(1).Release()
		require.Equal(t, [3]int64{1, 0, 0}, h.heard(), "%s: the next of the slot", name)
	}
}

// A Refund panics where somebody gave back what the permit stood for.
func TestARefundThatPanicsLeavesThePermitAsSettled(t *testing.T) {
	var h housed
	p := h.permit(8)
	h.during = func() { panic("nothing left") }
	require.PanicsWithValue(t, "nothing left", func() { p.Settle(5) })
	p.Settle(9)
	p.Drop()
	require.Equal(t, [3]int64{0, 5, 0}, h.heard())
	h.during = nil
	h.permit(2).Ignore()
	require.Equal(t, [3]int64{0, 0, 2}, h.heard())
}

// duel has two goroutines do something at the same moment, many times, and looks
// after each.
func duel(rounds int64, before func(), sides [2]func(*rand.Rand), after func() bool) (failed int) {
	var round atomic.Int64
	var arrived [2]atomic.Int64
	var both sync.WaitGroup
	for side := range 2 {
		both.Go(func() {
			random := rand.New(rand.NewPCG(uint64(side), 0))
			for r := int64(1); r <= rounds; r++ {
				for round.Load() != r {
					runtime.Gosched()
				}
				sides[side](random)
				arrived[side].Store(r)
			}
		})
	}
	for r := int64(1); r <= rounds; r++ {
		before()
		round.Store(r)
		for arrived[0].Load() != r || arrived[1].Load() != r {
			runtime.Gosched()
		}
		if !after() {
			failed++
		}
	}
	both.Wait()
	return failed
}

func TestOfEndingsThatMeetEachOtherAndASettleOneIsHeard(t *testing.T) {
	all := []func(limiter.Permit){limiter.Permit.Release, limiter.Permit.Drop, limiter.Permit.Ignore}
	var s told
	var h housed
	var permit limiter.Permit
	slot := false
	failed := duel(10_000, func() {
		if slot = !slot; slot {
			permit = h.permit(10)
		} else {
			permit = limiter.NewPermit(&s, 10)
		}
	}, [2]func(*rand.Rand){
		func(random *rand.Rand) { permit.Settle(random.Int64N(12)); all[random.IntN(3)](permit) },
		func(random *rand.Rand) { all[1+random.IntN(2)](permit) },
	}, func() bool {
		sum := int64(0)
		from, calls := &s, int64(0)
		if slot {
			from, calls = &h.told, 1
			sum = h.refunded.Swap(0)
		}
		is := from.calls.Swap(0)
		for _, n := range from.heard() {
			sum += n
		}
		return sum == 10 && (is == calls || !slot && (is == 1 || is == 2))
	})
	require.Zero(t, failed)
}
