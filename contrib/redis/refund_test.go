package belayredis_test

// This file tests when a refund is worth nothing, and when nothing is leased.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

func TestARefundIsNoTurnBesideThoseThatWereHandedOut(t *testing.T) {
	_, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 0.01, Burst: 10})
	early, err := r.TryTake(5)
	require.NoError(t, err)
	_, err = r.TryTake(5)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := r.Take(ctx, 2)
		left <- err
	}()
	eventually(t, "a turn that lies ahead", func() bool { return r.Stats().Waiting == 1 })
	early.Settle(0)
	var refused *limiter.RefusedError
	_, err = r.TryTake(1)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 300*time.Second, refused.RetryAfter.Round(time.Millisecond), "behind both")
	cancel()
	require.ErrorIs(t, <-left, context.Canceled)
}

func TestARefundToABucketThatIsGoneIsNoneToTheNext(t *testing.T) {
	m, store := embedded(t)
	r := newRate(t, belayredis.RateOptions{Fleet: fleetOf(store), Limit: 1, Burst: 10})
	p, err := r.TryTake(5)
	require.NoError(t, err)
	m.FlushAll()
	m.SetTime(at.Add(time.Second))
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited, "it was lost, and starts empty")
	p.Settle(0)
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
}

func TestALeaseEndsWhereTheFleetIsTooLargeForIt(t *testing.T) {
	_, store := embedded(t)
	o := belayredis.RateOptions{Fleet: fleetOf(store), Limit: 1, Burst: 100, Lease: 30}
	a := newRate(t, o)
	_, err := a.TryTake(1)
	require.NoError(t, err)
	require.EqualValues(t, 30, a.State().Leased)
	b := newRate(t, o)
	_, err = b.TryTake(1)
	require.NoError(t, err)
	require.Zero(t, b.State().Leased, "two leases are more than half of the burst")
}

func TestWhatIsLeasedIsPartOfTheBurst(t *testing.T) {
	m, store := embedded(t)
	f := fleetOf(store)
	f.MemberTTL = time.Hour
	r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1, Burst: 100, Lease: 30})
	_, err := r.TryTake(1)
	require.NoError(t, err)
	m.SetTime(at.Add(10 * time.Minute)) // full
	for _, n := range []int64{50, 30, 20} {
		_, err = r.TryTake(n)
		require.NoError(t, err, "%d of 100", n)
	}
	_, err = r.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
}

func TestUnitsAreAtHandOnlyWhereTheFleetIsSmallEnough(t *testing.T) {
	_, store := embedded(t)
	o := belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 10, Lease: 3}
	a := newSemaphore(t, o)
	p, err := a.TryTake(1)
	require.NoError(t, err)
	require.EqualValues(t, 3, a.State().Leased)
	b := newSemaphore(t, o)
	q, err := b.TryTake(1)
	require.NoError(t, err)
	require.Zero(t, b.State().Leased, "two leases are more than half of the size")
	p.Release()
	q.Release()
}
