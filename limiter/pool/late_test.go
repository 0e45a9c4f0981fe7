package pool_test

// This file tests contexts whose deadline has passed and whose timer is late, as
// on a busy machine: what is used with such a deadline fails at once and is not
// broken.

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

// late is a context that ends some time after its deadline.
type late struct {
	context.Context
	deadline time.Time
}

func (l late) Deadline() (time.Time, bool) { return l.deadline, true }

// lateBy returns one whose deadline is now.
func lateBy(t *testing.T, d time.Duration) late {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return late{ctx, time.Now()}
}

// overdue checks as a net.Conn does that has its deadline from the context.
func overdue(ctx context.Context, _ *resource) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func TestAGetWithoutTimeTakesNoMoreThanOneWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 8, CheckAfter: -1, Check: overdue})
		opens(t, p, 8)
		_, err := p.Get(lateBy(t, 10*time.Millisecond))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		c := p.Counts()
		require.EqualValues(t, 8, c.Opened)
		require.EqualValues(t, 1, c.Closed, "what the check was cut short of")
		require.Zero(t, c.Unhealthy)
		require.EqualValues(t, 1, p.Stats().Cancelled)
		require.Zero(t, p.Stats().InFlight)
		ends(t, p, s)
	})
}

func TestATendWithoutTimeChecksAndOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 9, MinIdle: 9, CheckAfter: 1, TendEvery: -1, Check: overdue})
		require.NoError(t, p.Tend(t.Context()))
		h := must(t, p)
		h.Discard()
		time.Sleep(time.Second)
		synctest.Wait()
		before := p.Counts()
		require.ErrorIs(t, p.Tend(lateBy(t, 10*time.Millisecond)), context.DeadlineExceeded)
		synctest.Wait()
		require.Equal(t, before, p.Counts())
		ends(t, p, s)
	})
}

// A context of somebody's own type that never ends must not hold anyone.
func TestADeadlineWithoutAnEndHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, CheckAfter: -1, Check: overdue})
		opens(t, p, 1)
		h, err := p.Get(late{t.Context(), time.Now()})
		require.NoError(t, err)
		require.Equal(t, 2, h.Value().id)
		h.Release()
		ends(t, p, s)
	})
}
