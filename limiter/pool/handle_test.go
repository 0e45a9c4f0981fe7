package pool_test

// This file tests that a resource goes back once, whatever its holder does.

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

func TestAHandleGivesBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		h := must(t, p)
		again := h
		h.Release()
		again.Release()
		h.Discard()
		require.EqualValues(t, 1, p.Counts().Idle)

		next := must(t, p)
		require.Equal(t, 1, next.Value().id)
		h.Release()
		h.Discard()
		again.Release()
		require.EqualValues(t, 1, p.Stats().InFlight, "a stale handle does nothing to the next holder")
		require.PanicsWithValue(t, "pool: Value of a released handle", func() { again.Value() })
		require.PanicsWithValue(t, "pool: Detach of a released handle", func() { again.Detach() })
		next.Release()
		pool.Handle[*resource]{}.Release()
		pool.Handle[*resource]{}.Discard()
		ends(t, p, s)
	})
}

func TestOfManyReleasesAtOnceOneCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2})
		for range 200 {
			h, other := must(t, p), must(t, p)
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					if i == 3 {
						h.Discard()
					} else {
						h.Release()
					}
				})
			}
			all.Wait()
			require.EqualValues(t, 1, p.Stats().InFlight)
			other.Release()
			synctest.Wait()
		}
		ends(t, p, s)
	})
}

func TestOfTwoReleasesInParallelOneCounts(t *testing.T) {
	p := pool.New(pool.Options[int]{Open: number, MaxOpen: 2})
	other, err := p.Get(t.Context())
	require.NoError(t, err)
	var handle pool.Handle[int]
	var round, done atomic.Int64
	var all sync.WaitGroup
	const rounds = 20_000
	for range 2 {
		all.Go(func() {
			for i := range int64(rounds) {
				for round.Load() <= i { // both are at it at the same moment
					runtime.Gosched()
				}
				handle.Release()
				done.Add(1)
			}
		})
	}
	for i := range int64(rounds) {
		handle, err = p.Get(t.Context())
		require.NoError(t, err)
		round.Store(i + 1)
		for done.Load() < 2*(i+1) {
			runtime.Gosched()
		}
		require.EqualValues(t, 1, p.Stats().InFlight)
		require.EqualValues(t, 1, p.Counts().Idle)
	}
	all.Wait()
	other.Release()
	require.NoError(t, p.Close(t.Context()))
}

func TestADiscardedResourceIsClosedAndItsPlaceServesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		h := must(t, p)
		r := h.Value()
		next := get(t.Context(), p)
		h.Discard()
		require.True(t, next.returned())
		require.True(t, r.closed)
		require.Equal(t, 2, next.handle.Value().id)
		require.Equal(t, 1, s.most)
		next.handle.Release()
		ends(t, p, s)
	})
}

func TestADetachedResourceKeepsItsPlaceUntilThePermitIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		r, permit := must(t, p).Detach()
		require.EqualValues(t, 1, p.Stats().InFlight)
		require.Zero(t, p.Counts().Open)
		next := get(t.Context(), p)
		require.False(t, next.returned())
		require.False(t, r.closed)
		s.Close(r)
		permit.Release()
		permit.Release()
		require.True(t, next.returned())
		next.handle.Release()
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestHoldersSaysWhoHasWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3})
		before := must(t, p)
		require.Empty(t, p.Holders())
		p.Track(true)
		h := must(t, p)
		time.Sleep(time.Second)
		later := must(t, p)
		time.Sleep(time.Second)
		holders := p.Holders()
		require.Len(t, holders, 2)
		require.Equal(t, 2*time.Second, holders[0].Age)
		require.Equal(t, time.Second, holders[1].Age)
		require.Contains(t, holders[0].Stack, "pool_test.must\n")
		require.NotContains(t, holders[0].Stack, "Get")
		h.Release()
		require.Len(t, p.Holders(), 1)
		p.Track(false)
		h = must(t, p)
		later.Release()
		require.Empty(t, p.Holders(), "not that of its last holder")
		before.Release()
		h.Release()
		ends(t, p, s)
	})
}

// Two goroutines that each hold one and want a second wait for each other.
func TestANestedGetThatWaitsForItselfIsFoundByItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2})
		p.Track(true)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				outer, err := p.Get(ctx)
				if err == nil {
					time.Sleep(time.Second)
					_, err = p.Get(ctx)
					outer.Release()
				}
				if err == nil {
					panic("there was none")
				}
			})
		}
		time.Sleep(time.Hour)
		require.EqualValues(t, 2, p.Stats().Waiting)
		require.Len(t, p.Holders(), 2)
		require.Contains(t, p.Holders()[0].Stack, "TestANestedGetThatWaitsForItselfIsFoundByItsStack")
		cancel()
		all.Wait()
		ends(t, p, s)
	})
}

// Grants, ends of contexts, failures and discards meet at random: nothing is
// lent twice, lost, or lent when it is closed.
func TestNothingIsLentTwiceOrLost(t *testing.T) {
	for name, o := range map[string]pool.Options[*resource]{
		"plain":          {MaxOpen: 3},
		"checked":        {MaxOpen: 3, Check: check, CheckAfter: -1},
		"short-lived":    {MaxOpen: 3, MaxLifetime: 100 * time.Microsecond, TendEvery: 1},
		"few idle":       {MaxOpen: 4, MaxIdle: 1, OldestFirst: true},
		"with a reserve": {MaxOpen: 4, MinIdle: 2, MaxIdleTime: time.Millisecond, Check: check, TendEvery: 1},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { hammer(t, o) }) })
	}
}

func hammer(t *testing.T, o pool.Options[*resource]) {
	s := &source{}
	p := s.pool(o)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 5))
			for range 300 {
				hammerOnce(t, s, p, random)
			}
		})
	}
	all.Wait()
	synctest.Wait()
	require.LessOrEqual(t, s.most, o.MaxOpen)
	ends(t, p, s)
}

func hammerOnce(t *testing.T, s *source, p *pool.Pool[*resource], random *rand.Rand) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(50))*time.Microsecond)
	defer cancel()
	if random.IntN(20) == 0 {
		if permit, err := p.Take(ctx, int64(1+random.IntN(3))); err == nil {
			time.Sleep(time.Microsecond)
			permit.Release()
		}
		return
	}
	if random.IntN(50) == 0 {
		s.fail(errDown)
		defer s.fail(nil)
	}
	h, err := p.Get(ctx)
	if err != nil {
		return
	}
	r := h.Value()
	s.mu.Lock()
	closed := r.closed
	s.mu.Unlock()
	if closed || r.checks < 0 {
		t.Error("lent closed, or twice")
	}
	r.checks = -1 - r.checks // the race detector sees a second holder, and so does the line above
	time.Sleep(time.Duration(random.IntN(20)) * time.Microsecond)
	r.checks = -1 - r.checks
	r.broken = random.IntN(10) == 0
	if random.IntN(10) == 0 {
		h.Discard()
	}
	h.Release()
}
