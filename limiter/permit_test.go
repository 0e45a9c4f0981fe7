package limiter_test

// This file tests that a permit gives back exactly once what was taken, whoever
// releases it, how often and when.

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
)

// places is a source of units: what is out.
type places struct{ out atomic.Int64 }

func (p *places) Release(n int64) { p.out.Add(-n) }

func (p *places) take(n int64) limiter.Permit {
	p.out.Add(n)
	return limiter.NewPermit(p, n)
}

// debts is a source that settles both ways.
type debts struct{ places }

func (d *debts) Settle(was, is int64) { d.out.Add(is - was) }

func (d *debts) take(n int64) limiter.Permit {
	d.out.Add(n)
	return limiter.NewPermit(d, n)
}

func TestAPermitGivesBackOnce(t *testing.T) {
	var p places
	first := p.take(3)
	again := first
	require.EqualValues(t, 3, p.out.Load())
	first.Release()
	require.Zero(t, p.out.Load())
	first.Release()
	again.Release()
	again.Settle(0)
	require.Zero(t, p.out.Load())
}

func TestTheZeroPermitHoldsNothing(t *testing.T) {
	var p limiter.Permit
	p.Release()
	p.Settle(7)
}

func TestAStalePermitLeavesTheNextOneOfItsSlotAlone(t *testing.T) {
	var p places
	stale := make([]limiter.Permit, 100)
	for i := range stale {
		stale[i] = p.take(1)
		stale[i].Release()
	}
	held := p.take(5) // of a slot that one of them had
	for _, s := range stale {
		s.Release()
		s.Settle(0)
	}
	require.EqualValues(t, 5, p.out.Load())
	held.Release()
	require.Zero(t, p.out.Load())
}

func TestALowerCostIsGivenBackEarly(t *testing.T) {
	var p places
	permit := p.take(10)
	permit.Settle(4)
	require.EqualValues(t, 4, p.out.Load())
	permit.Settle(9) // not without asking: it may be another's by now
	require.EqualValues(t, 4, p.out.Load())
	permit.Release()
	require.Zero(t, p.out.Load())
}

func TestAHigherCostIsOwedWhereTheSourceKnowsDebt(t *testing.T) {
	var d debts
	permit := d.take(10)
	permit.Settle(25)
	require.EqualValues(t, 25, d.out.Load())
	permit.Settle(5)
	require.EqualValues(t, 5, d.out.Load())
	permit.Release()
	require.Zero(t, d.out.Load())
}

func TestACostBelowZeroPanicsAndChangesNothing(t *testing.T) {
	var p places
	permit := p.take(2)
	require.PanicsWithValue(t, "limiter: cost < 0", func() { permit.Settle(-1) })
	require.PanicsWithValue(t, "limiter: cost < 0", func() { limiter.Permit{}.Settle(-1) })
	require.EqualValues(t, 2, p.out.Load())
	permit.Release()
	require.Zero(t, p.out.Load())
}

func TestReleasesThatMeetGiveBackOnce(t *testing.T) {
	var p places
	for range 1000 {
		permit := p.take(1)
		var all sync.WaitGroup
		for range 3 {
			all.Go(permit.Release)
		}
		other := p.take(1) // may get the slot while the last of them looks at it
		all.Wait()
		require.EqualValues(t, 1, p.out.Load())
		other.Release()
	}
	require.Zero(t, p.out.Load())
}

func TestSettlingAndReleasingAtOnceAddsUp(t *testing.T) {
	var p places
	var d debts
	for range 1000 {
		permits := []limiter.Permit{p.take(10), d.take(10)}
		var all sync.WaitGroup
		for _, permit := range permits {
			all.Go(func() { permit.Settle(rand.Int64N(20)) })
			all.Go(func() { permit.Settle(rand.Int64N(20)) })
			all.Go(permit.Release)
		}
		all.Wait()
		require.Zero(t, p.out.Load())
		require.Zero(t, d.out.Load())
	}
}

// The steps of the two overlap only now and then, so there are many rounds, in
// which both begin at the same moment.
func TestAReleaseWhileAnotherSettlesIsNeitherLostNorDoubled(t *testing.T) {
	var p places
	var d debts
	var round atomic.Int64
	var permit limiter.Permit
	const rounds = 50_000
	var both sync.WaitGroup
	var arrived [2]atomic.Int64
	for side := range 2 {
		both.Go(func() {
			for r := int64(1); r <= rounds; r++ {
				for round.Load() != r {
					runtime.Gosched()
				}
				if side == 0 {
					permit.Settle(5 + r%10)
				}
				if side == 1 || r%3 == 0 {
					permit.Release()
				}
				arrived[side].Store(r)
			}
		})
	}
	lost := 0
	for r := int64(1); r <= rounds; r++ {
		if r%2 == 0 {
			permit = p.take(10)
		} else {
			permit = d.take(10)
		}
		round.Store(r)
		for arrived[0].Load() != r || arrived[1].Load() != r {
			runtime.Gosched()
		}
		if p.out.Swap(0) != 0 || d.out.Swap(0) != 0 {
			lost++
		}
	}
	both.Wait()
	require.Zero(t, lost)
}

// refunds is a source of one slot that tells units given back early from those
// given back in the end.
type refunds struct {
	places
	early atomic.Int64
}

func (r *refunds) Refund(n int64) { r.early.Add(n) }

func TestASlotOfOnesOwnServesOnePermitAfterTheOther(t *testing.T) {
	var slot limiter.Slot
	var r refunds
	var stale []limiter.Permit
	for i := range int64(100) {
		r.out.Add(10 + i)
		p := slot.Permit(&r, 10+i)
		for _, s := range stale {
			s.Release()
			s.Settle(0)
		}
		p.Settle(20 + i) // more than there is
		p.Settle(4)
		require.EqualValues(t, 10+i, r.out.Load(), "the slot is still in use")
		require.EqualValues(t, 6+i, r.early.Swap(0))
		p.Release()
		p.Release()
		require.EqualValues(t, 6+i, r.out.Swap(0), "the rest")
		stale = append(stale, p)
	}
}

// The model is a list of what each permit holds.
func TestPermitsFollowTheirModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var p places
		var d debts
		type held struct {
			permit limiter.Permit
			units  int64
			debts  bool
			live   bool
		}
		var permits []*held
		for range 200 {
			switch n := random.Int64N(10); random.IntN(4) {
			case 0:
				permits = append(permits, &held{p.take(n), n, false, true})
			case 1:
				permits = append(permits, &held{d.take(n), n, true, true})
			case 2:
				if len(permits) > 0 {
					h := permits[random.IntN(len(permits))]
					h.permit.Release()
					h.live = false
				}
			case 3:
				if len(permits) > 0 {
					h := permits[random.IntN(len(permits))]
					h.permit.Settle(n)
					if h.debts || n < h.units {
						h.units = n
					}
				}
			}
			var ofPlaces, ofDebts int64
			for _, h := range permits {
				switch {
				case !h.live:
				case h.debts:
					ofDebts += h.units
				default:
					ofPlaces += h.units
				}
			}
			require.Equal(t, ofPlaces, p.out.Load(), "seed %d", seed)
			require.Equal(t, ofDebts, d.out.Load(), "seed %d", seed)
		}
	}
}

func TestAPermitCostsNoAllocation(t *testing.T) {
	var p places
	require.Zero(t, testing.AllocsPerRun(1000, func() { p.take(1).Release() }))
}
