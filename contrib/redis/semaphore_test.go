package belayredis_test

// This file tests that a fleet never holds more than the semaphore's size.

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

var _ limiter.Limiter = (*belayredis.Semaphore)(nil)

func newSemaphore(t *testing.T, o belayredis.SemaphoreOptions) *belayredis.Semaphore {
	t.Helper()
	s, err := belayredis.NewSemaphore(t.Context(), o)
	require.NoError(t, err)
	return s
}

func TestUnitsAreSharedByAllThatHaveTheKey(t *testing.T) {
	_, store := embedded(t)
	o := belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 3}
	a, b := newSemaphore(t, o), newSemaphore(t, o)
	p, err := a.TryTake(2)
	require.NoError(t, err)
	q, err := b.TryTake(1)
	require.NoError(t, err)
	_, err = b.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
	_, err = b.TryTake(4)
	require.ErrorIs(t, err, limiter.ErrTooLarge)
	p.Release()
	p.Release()
	got, err := b.Take(t.Context(), 2)
	require.NoError(t, err)
	_, err = a.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
	got.Release()
	q.Release()
	all, err := a.Take(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 3, a.Stats().InFlight)
	all.Release()
	require.Zero(t, a.Stats().InFlight)
	require.Equal(t, 2, b.State().Members)
}

func TestWhatACrashedHolderHadComesBack(t *testing.T) {
	m, store := embedded(t)
	o := belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 3}
	var dead atomic.Bool
	o.Store = storeFunc(func(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
		if dead.Load() {
			return nil, errors.New("crashed")
		}
		return store.Eval(ctx, script, keys, args)
	})
	crashes := newSemaphore(t, o)
	o.Store = store
	s := newSemaphore(t, o)
	held, err := crashes.TryTake(2)
	require.NoError(t, err)
	defer held.Release()
	dead.Store(true)
	for i := range 9 { // it comes once a second, so that the clock is known to be sound
		m.SetTime(at.Add(time.Duration(i) * time.Second))
		_, err = s.TryTake(2)
		require.ErrorIs(t, err, limiter.ErrFull)
	}
	m.SetTime(at.Add(11 * time.Second))
	p, err := s.TryTake(3)
	require.NoError(t, err)
	p.Release()
}

func TestAClockPutForwardFreesNothingThatIsRenewed(t *testing.T) {
	m, store := embedded(t)
	o := belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 2}
	a, b := newSemaphore(t, o), newSemaphore(t, o)
	p, err := a.TryTake(2)
	require.NoError(t, err)
	defer p.Release()
	m.SetTime(at.Add(24 * time.Hour))
	_, err = b.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
	m.SetTime(at.Add(-24 * time.Hour))
	_, err = b.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
}

// Random programs of three processes: what is held is counted from outside of them.
func TestAFleetNeverHoldsMoreThanTheSize(t *testing.T) {
	for _, lease := range []int64{0, 2} {
		_, store := embedded(t)
		o := belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 12, Lease: lease}
		var held, most atomic.Int64
		var all sync.WaitGroup
		var fleet []*belayredis.Semaphore
		for i := range 3 {
			s := newSemaphore(t, o)
			fleet = append(fleet, s)
			for j := range 6 {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), uint64(j)))
					for range 40 {
						n := 1 + random.Int64N(5)
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(30*time.Millisecond))))
						var p limiter.Permit
						var err error
						if random.IntN(4) == 0 {
							p, err = s.TryTake(n)
						} else {
							p, err = s.Take(ctx, n)
						}
						cancel()
						if err != nil {
							continue
						}
						raise(&most, held.Add(n))
						time.Sleep(time.Duration(random.Int64N(int64(time.Millisecond))))
						held.Add(-n)
						p.Release()
					}
				})
			}
		}
		all.Wait()
		require.LessOrEqual(t, most.Load(), int64(12), "lease %d", lease)
		require.Greater(t, most.Load(), int64(5))
		for _, s := range fleet {
			require.Zero(t, s.Stats().InFlight)
			require.Zero(t, s.Stats().Waiting)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if lease == 0 {
			p, err := fleet[0].Take(ctx, 12)
			require.NoError(t, err, "everything came back")
			p.Release()
		}
	}
}

func TestWaitersOfAProcessAreServedInOrder(t *testing.T) {
	_, store := embedded(t)
	s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 4})
	p, err := s.TryTake(4)
	require.NoError(t, err)
	order := make(chan int64, 3)
	for i, n := range []int64{4, 1, 2} {
		go func() {
			p, err := s.Take(t.Context(), n)
			if err == nil {
				order <- n
				time.Sleep(5 * time.Millisecond)
				p.Release()
			}
		}()
		eventually(t, "a wait", func() bool { return s.Stats().Waiting == int64(i+1) })
	}
	_, err = s.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull, "not past those who wait")
	p.Release()
	require.EqualValues(t, 4, <-order)
	require.EqualValues(t, 3, <-order+<-order)
	eventually(t, "all gone", func() bool { return s.Stats().InFlight == 0 })
	require.EqualValues(t, 3, s.Stats().Waited)
}

func TestALeaseIsGivenBackByWhoIsIdle(t *testing.T) {
	_, store := embedded(t)
	f := fleetOf(store)
	f.MemberTTL = 60 * time.Millisecond
	o := belayredis.SemaphoreOptions{Fleet: f, Size: 8, Lease: 2}
	a := newSemaphore(t, o)
	p, err := a.TryTake(1)
	require.NoError(t, err)
	trips := a.State().Trips
	for range 100 {
		p.Release()
		p, err = a.TryTake(1)
		require.NoError(t, err)
	}
	require.Less(t, a.State().Trips-trips, uint64(100))
	p.Release()
	o.Lease = 0
	b := newSemaphore(t, o)
	eventually(t, "all of it", func() bool {
		p, err := b.TryTake(8)
		p.Release()
		return err == nil
	})
}

// A round trip that was given up may still get to Redis, after a later one.
func TestAnOldCallThatArrivesLateChangesNothing(t *testing.T) {
	_, store := embedded(t)
	o := belayredis.SemaphoreOptions{Fleet: fleetOf(store), Size: 10}
	var old []string
	o.Store = storeFunc(func(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
		if old != nil {
			defer func(late []string) { _, _ = store.Eval(ctx, script, keys, late) }(old)
		}
		old = args
		return store.Eval(ctx, script, keys, args)
	})
	a := newSemaphore(t, o)
	p, err := a.TryTake(10)
	require.NoError(t, err)
	defer p.Release()
	o.Store = store
	_, err = newSemaphore(t, o).TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
}
