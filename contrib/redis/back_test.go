package belayredis_test

// This file tests what a bucket has lost when somebody comes back to a Redis that has
// kept it.

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

// cut is a store that can be away.
type cut struct {
	belayredis.Store
	away atomic.Bool
}

func (c *cut) Eval(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
	if c.away.Load() {
		return nil, errDown
	}
	return c.Store.Eval(ctx, script, keys, args)
}

func isIn(t *testing.T, r *belayredis.Rate, mode belayredis.Mode) {
	t.Helper()
	eventually(t, mode.String(), func() bool {
		_, _ = r.TryTake(1)
		return r.State().Mode == mode
	})
}

func TestABucketThatNobodyCouldReachStartsEmptyAfterAGrace(t *testing.T) {
	m, store := embedded(t)
	c := &cut{Store: store}
	f := fleetOf(c)
	f.Probe, f.Timeout = 100*time.Millisecond, 400*time.Millisecond
	r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 0.01, Burst: 10})
	c.away.Store(true)
	isIn(t, r, belayredis.Local)
	m.SetTime(at.Add(time.Hour)) // full by now, if nobody lived on a share
	c.away.Store(false)
	isIn(t, r, belayredis.Shared)
	var refused *limiter.RefusedError
	_, err := r.TryTake(1)
	require.ErrorAs(t, err, &refused)
	require.GreaterOrEqual(t, refused.RetryAfter, 100*time.Second+f.Probe+f.Timeout, "a token, after the grace")
}

func TestWhoWasAwayAloneIsChargedWhatItsShareLacks(t *testing.T) {
	_, store := embedded(t)
	c := &cut{Store: store}
	f := fleetOf(store)
	f.Probe, f.Timeout = 100*time.Millisecond, 400*time.Millisecond
	o := belayredis.RateOptions{Fleet: f, Limit: 1e-6, Burst: 10}
	b := newRate(t, o)
	o.Store = c
	a := newRate(t, o)
	c.away.Store(true)
	isIn(t, a, belayredis.Local) // its share of five begins without tokens
	_, err := b.TryTake(1)
	require.NoError(t, err)
	c.away.Store(false)
	eventually(t, "a probe", func() bool { // takes nothing itself
		_, _ = a.TryTake(9)
		return a.State().Mode == belayredis.Shared
	})
	_, err = b.TryTake(5)
	require.ErrorIs(t, err, limiter.ErrLimited, "nine, less the five that the share lacks")
	_, err = b.TryTake(4)
	require.NoError(t, err)
}
