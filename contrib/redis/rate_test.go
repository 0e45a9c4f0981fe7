package belayredis_test

// This file tests the rate against the bound that it promises, on a clock that the
// test sets.

import (
	"context"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

var _ limiter.Limiter = (*belayredis.Rate)(nil)

func TestARateIsSharedByAllThatHaveItsKey(t *testing.T) {
	m, store := embedded(t)
	o := belayredis.RateOptions{Fleet: fleetOf(store), Limit: 10, Burst: 5}
	a, b := newRate(t, o), newRate(t, o)
	for _, r := range []*belayredis.Rate{a, b, a, b, a} {
		_, err := r.TryTake(1)
		require.NoError(t, err)
	}
	var refused *limiter.RefusedError
	_, err := b.TryTake(1)
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, limiter.ErrLimited)
	require.Equal(t, 100*time.Millisecond, refused.RetryAfter.Round(time.Microsecond))
	_, err = a.TryTake(6)
	require.ErrorIs(t, err, limiter.ErrTooLarge)

	m.SetTime(at.Add(refused.RetryAfter))
	_, err = b.TryTake(1)
	require.NoError(t, err)
	_, err = a.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
	require.Equal(t, 2, a.State().Members)
	require.EqualValues(t, 3, a.Stats().Total)
	require.EqualValues(t, 2, a.Stats().Refused)
}

// bucket is the rate as it is meant, in exact numbers.
type bucket struct {
	limit, burst, level *big.Rat
	last                time.Time
}

func (b *bucket) advance(now time.Time) {
	if d := now.Sub(b.last); d > 0 {
		gain := new(big.Rat).Mul(b.limit, big.NewRat(d.Microseconds(), 1e6))
		if b.level.Add(b.level, gain); b.level.Cmp(b.burst) > 0 {
			b.level.Set(b.burst)
		}
	}
	b.last = now
}

// A verdict may differ from the exact one only where the exact level is within a
// millionth of a token of what is asked for; and it is never more generous.
func TestVerdictsAreThoseOfAnExactBucket(t *testing.T) {
	for seed := range uint64(12) {
		m, store := embedded(t)
		random := rand.New(rand.NewPCG(seed, 7))
		limit := math.Exp(random.Float64()*20 - 6) // 0.0025 to a million per second
		burst := 1 + random.Int64N(1000)
		o := belayredis.RateOptions{Fleet: fleetOf(store), Limit: limit, Burst: burst}
		rates := []*belayredis.Rate{newRate(t, o), newRate(t, o), newRate(t, o)}
		model := &bucket{new(big.Rat).SetFloat64(limit), big.NewRat(burst, 1), big.NewRat(burst, 1), at}
		now := at
		for range 300 {
			step := time.Duration(random.ExpFloat64() / limit * float64(time.Second) * float64(random.IntN(4)))
			now = now.Add(step.Truncate(time.Microsecond))
			m.SetTime(now)
			model.advance(now)
			n := 1 + random.Int64N(burst)
			if random.IntN(2) == 0 {
				n = 1
			}
			_, err := rates[random.IntN(len(rates))].TryTake(n)
			over, _ := new(big.Rat).Sub(model.level, big.NewRat(n, 1)).Float64()
			if math.Abs(over) > 1e-6*float64(burst) {
				require.Equal(t, over >= 0, err == nil, "seed %d: %v of %v", seed, n, model.level.FloatString(9))
			}
			if err == nil {
				model.level.Sub(model.level, big.NewRat(n, 1))
			}
		}
	}
}

func TestAClockThatGoesBackYieldsNothingTwiceAndHoldsUpNobody(t *testing.T) {
	m, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 10, Burst: 10})
	_, err := r.TryTake(10)
	require.NoError(t, err)
	m.SetTime(at.Add(-time.Hour))
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
	m.SetTime(at.Add(-time.Hour + 100*time.Millisecond))
	_, err = r.TryTake(1)
	require.NoError(t, err, "the time since the step counts")
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
}

func TestWhatWasTakenForNothingComesBack(t *testing.T) {
	m, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 1, Burst: 10})
	p, err := r.TryTake(8)
	require.NoError(t, err)
	p.Settle(3)
	_, err = r.TryTake(7)
	require.NoError(t, err)
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
	p.Settle(6) // it was more after all
	m.SetTime(at.Add(3 * time.Second))
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
	m.SetTime(at.Add(4 * time.Second))
	_, err = r.TryTake(1)
	require.NoError(t, err)
}

// A refund counts for what would be there had its tokens never been taken.
func TestARefundThatComesTooLateIsWorthNothing(t *testing.T) {
	m, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 1, Burst: 10})
	p, err := r.TryTake(5)
	require.NoError(t, err)
	q, err := r.TryTake(5)
	require.NoError(t, err)
	p.Settle(0)
	m.SetTime(at.Add(5 * time.Second)) // full again, with the refund
	_, err = r.TryTake(10)
	require.ErrorIs(t, err, limiter.ErrLimited, "the refund was worth nothing that late")
	_, err = r.TryTake(5)
	require.NoError(t, err)
	q.Settle(0)
	m.SetTime(at.Add(6 * time.Second))
	_, err = r.TryTake(6)
	require.ErrorIs(t, err, limiter.ErrLimited)
}

// Two refunds that each could be had alone can't be had after another.
func TestARefundCountsThoseThatCameBeforeIt(t *testing.T) {
	m, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 1, Burst: 10})
	p, err := r.TryTake(5)
	require.NoError(t, err)
	q, err := r.TryTake(5)
	require.NoError(t, err)
	p.Settle(0)
	_, err = r.TryTake(6)
	require.ErrorIs(t, err, limiter.ErrLimited)
	m.SetTime(at.Add(5 * time.Second))
	_, err = r.TryTake(10)
	require.NoError(t, err, "the first is back, and the bucket full")
	q.Settle(0)
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
}

func TestTurnsAreBookedInTheOrderOfComing(t *testing.T) {
	_, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 20, Burst: 1})
	_, err := r.TryTake(1)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err = r.Take(ctx, 1) // the clock of Redis stands still, ours does not
	require.NoError(t, err)
	stats := r.Stats()
	require.EqualValues(t, 1, stats.Waited)
	require.GreaterOrEqual(t, stats.WaitTime.Sum, 50*time.Millisecond)

	// Turns so far apart that the deadline, which is before the turn, is still
	// ahead when Redis answers, however busy the machine is.
	_, store = embedded(t)
	r = newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 0.01, Burst: 1})
	_, err = r.TryTake(1)
	require.NoError(t, err)
	soon, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	_, err = r.Take(soon, 1)
	var refused *limiter.RefusedError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, limiter.ErrTooLate)
	require.Equal(t, 100*time.Second, refused.RetryAfter)
}

func TestWhoGivesUpAtTheEndOfTheLineGivesItsTurnBack(t *testing.T) {
	_, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 0.001, Burst: 1})
	_, err := r.TryTake(1)
	require.NoError(t, err)
	busy := errors.New("busy")
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error)
		go func() {
			_, err := r.Take(ctx, 1)
			left <- err
		}()
		eventually(t, "a wait", func() bool { return r.Stats().Waiting == 1 })
		cancel(busy)
		err = <-left
		require.ErrorIs(t, err, busy)
		require.ErrorIs(t, err, context.Canceled)
	}
	var refused *limiter.RefusedError
	_, err = r.TryTake(1)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 1000*time.Second, refused.RetryAfter, "nobody is in front")
}
