package semaphore_test

// This file lets many goroutines collide, for the race detector and for sums.

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

// crowd counts what its members saw.
type crowd struct {
	s                         *semaphore.Weighted
	most                      int64 // units, at any time
	held, excess              atomic.Int64
	units, refused, cancelled atomic.Uint64
}

// act does one random thing, and undoes it.
func (c *crowd) act(random *rand.Rand) {
	n := random.Int64N(c.most + 2)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	switch random.IntN(8) {
	case 0:
		cancel()
	case 1:
		ctx = background
	default:
		defer time.AfterFunc(time.Duration(random.IntN(60))*time.Microsecond, cancel).Stop()
	}
	switch random.IntN(6) {
	case 0:
		if c.s.TryAcquire(n) {
			c.hold(n, func() { c.s.Release(n) })
		} else {
			c.refused.Add(1)
		}
	case 1:
		if took := c.s.TryAcquireUpTo(n); took > 0 {
			c.hold(took, func() { c.s.Release(took) })
		} else if n > 0 {
			c.refused.Add(1)
		}
	case 2:
		p, err := c.s.TryTake(n)
		c.end(err, n, func() { p.Settle(n / 2); p.Release(); p.Release() })
	case 3, 4:
		p, err := c.s.Take(ctx, n)
		c.end(err, n, func() { p.Release() })
	default:
		c.end(c.s.Acquire(ctx, n), n, func() { c.s.Release(n) })
	}
}

func (c *crowd) end(err error, n int64, undo func()) {
	var refused *limiter.RefusedError
	switch {
	case err == nil:
		c.hold(n, undo)
	case errors.As(err, &refused):
		c.refused.Add(1)
	default:
		c.cancelled.Add(1)
	}
}

func (c *crowd) hold(n int64, undo func()) {
	c.units.Add(uint64(n))
	if c.held.Add(n) > c.most {
		c.excess.Add(1)
	}
	c.held.Add(-n)
	undo()
}

// TestNothingIsLostUnderLoad ends with nothing held and nobody in line, and
// everything counted.
func TestNothingIsLostUnderLoad(t *testing.T) {
	for _, o := range []semaphore.Options{
		{Size: 5},
		{Size: 5, Queue: 3, WaitTime: true},
		{Size: 5, Queue: -1},
	} {
		c := &crowd{s: semaphore.New(o), most: o.Size}
		for range 10 {
			semaphore.Count(c.s, semaphore.MaxGranted-100)
			var all sync.WaitGroup
			begin := make(chan struct{})
			for g := range uint64(16) {
				all.Go(func() {
					random := rand.New(rand.NewPCG(g, uint64(o.Queue)))
					<-begin
					for range 100 {
						c.act(random)
					}
				})
			}
			all.Go(func() { // sizes, and looks
				random := rand.New(rand.NewPCG(99, uint64(o.Queue)))
				<-begin
				for range 100 {
					c.s.Resize(random.Int64N(o.Size + 1))
					if stats := c.s.Stats(); stats.InFlight > o.Size || stats.InFlight < 0 {
						c.excess.Add(1)
					}
					c.s.Quota()
				}
				c.s.Resize(o.Size)
			})
			close(begin)
			all.Wait()
			c.check(t)
		}
	}
}

func (c *crowd) check(t *testing.T) {
	stats := c.s.Stats()
	require.Zero(t, c.excess.Load())
	require.Zero(t, stats.InFlight)
	require.Zero(t, stats.Waiting)
	_, fast := semaphore.Counted(c.s)
	require.True(t, fast)
	require.Equal(t, c.refused.Load(), stats.Refused)
	require.Equal(t, c.cancelled.Load(), stats.Cancelled)
	// A grant that meets the end of its context goes back, and was one.
	require.GreaterOrEqual(t, stats.Total, c.units.Load())
	require.EqualValues(t, c.most, c.s.TryAcquireUpTo(c.most+1))
	c.units.Add(stats.Total - c.units.Load() + uint64(c.most))
	c.s.Release(c.most)
}

// A grant by a size that is no more must not be possible: see word.go.
func TestATakeThatRacesWithASmallerSizeIsBeforeItOrFails(t *testing.T) {
	for range 2000 {
		s := semaphore.NewWeighted(2)
		require.True(t, s.TryAcquire(1))
		var got atomic.Bool
		var both sync.WaitGroup
		begin := make(chan struct{})
		both.Go(func() { <-begin; got.Store(s.TryAcquire(1)) })
		both.Go(func() { <-begin; s.Resize(1) })
		close(begin)
		both.Wait()
		held := int64(1)
		if got.Load() {
			held = 2
		}
		require.Equal(t, held, s.Stats().InFlight)
		require.False(t, s.TryAcquire(1))
		s.Release(held)
		require.EqualValues(t, 1, s.TryAcquireUpTo(2))
	}
}

// Between a Release's look at word and size and its swap, the size may change and
// the free units come to what they were.
func TestAResizeLeavesAnotherWordWhateverIsFree(t *testing.T) {
	s := semaphore.NewWeighted(10)
	for _, count := range []int64{0, 1, semaphore.MaxGranted / 2, semaphore.MaxGranted} {
		require.True(t, s.TryAcquire(5))
		semaphore.Count(s, count)
		before := semaphore.Word(s)
		s.Release(3)
		s.Resize(7)
		after := semaphore.Word(s)
		require.Equal(t, before|semaphore.CountBits, after|semaphore.CountBits, "as much is free, with less held")
		require.NotEqual(t, before, after)
		s.Resize(10)
		s.Release(2)
	}
}

// One owner of a permit releases it; the other's copy is stale then.
func TestCopiesOfAPermitThatAreReleasedAtOnceGiveBackOnce(t *testing.T) {
	s := semaphore.NewWeighted(3)
	for range 1000 {
		p, err := s.Take(background, 2)
		require.NoError(t, err)
		var both sync.WaitGroup
		for range 2 {
			both.Go(p.Release)
		}
		both.Wait()
		require.Zero(t, s.Stats().InFlight)
	}
}
