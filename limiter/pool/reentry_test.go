package pool_test

// This file tests that no code of the user's runs under the pool's lock: all of it
// may call the pool.

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

// nosy is a context that calls something whenever it is asked.
type nosy struct {
	context.Context
	asked *atomic.Int64
	call  func()
}

func (c nosy) look() {
	c.asked.Add(1)
	c.call()
}

func (c nosy) Done() <-chan struct{}       { c.look(); return c.Context.Done() }
func (c nosy) Err() error                  { c.look(); return c.Context.Err() }
func (c nosy) Deadline() (time.Time, bool) { c.look(); return c.Context.Deadline() }
func (c nosy) Value(key any) any           { c.look(); return c.Context.Value(key) }

func TestAllThatThePoolCallsMayCallThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[*resource]
		var opens, checks, closes, asked atomic.Int64
		// The lock is not to be had twice, so that one that is held hangs here.
		look := func() {
			p.Stats()
			p.Counts()
			p.Quota()
			p.Holders()
			if permit, err := p.TryTake(1); err == nil {
				permit.Release()
			}
		}
		p = pool.New(pool.Options[*resource]{
			MaxOpen: 3, CheckAfter: -1, MaxLifetime: time.Hour,
			Open: func(context.Context) (*resource, error) {
				look()
				return &resource{id: int(opens.Add(1))}, nil
			},
			Check: func(_ context.Context, r *resource) error {
				look()
				checks.Add(1)
				if r.broken {
					return errBroken
				}
				return nil
			},
			Close: func(*resource) { look(); closes.Add(1) },
		})
		ctx := nosy{t.Context(), &asked, look}
		for range 3 {
			h, err := p.Get(ctx)
			require.NoError(t, err)
			h.Release()
		}
		h, err := p.Get(ctx)
		require.NoError(t, err)
		h.Value().broken = true
		h.Release()
		require.NoError(t, p.Tend(ctx))
		h, err = p.Get(ctx)
		require.NoError(t, err)
		h.Discard()

		// Also in a wait that ends with what is given back, and in one that is given up.
		permit, err := p.Take(ctx, 3)
		require.NoError(t, err)
		c := get(ctx, p)
		require.False(t, c.returned())
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = p.Take(nosy{short, &asked, look}, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		permit.Release()
		require.True(t, c.returned())
		require.NoError(t, c.err)
		c.handle.Release()
		require.NoError(t, p.Close(ctx))
		for _, n := range []int64{opens.Load(), checks.Load(), closes.Load(), asked.Load()} {
			require.Positive(t, n)
		}
	})
}

// A context may panic whenever it is asked: its caller has the panic, and the pool
// is as it was.
func TestAPanicOfAContextLeavesThePoolWhole(t *testing.T) {
	for _, full := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			panics := 0
			for at := int64(1); ; at++ {
				s := &source{}
				p := pool.New(pool.Options[*resource]{
					MaxOpen: 1, Close: s.Close,
					Open: func(context.Context) (*resource, error) { return s.Open(context.Background()) },
				})
				var h pool.Handle[*resource]
				if full {
					h = must(t, p)
				}
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				var asked atomic.Int64
				c := get(nosy{short, &asked, func() {
					if asked.Load() == at {
						panic("nosy")
					}
				}}, p)
				time.Sleep(time.Second)
				require.True(t, c.returned(), "panic of call %d", at)
				cancel()
				c.handle.Release()
				h.Release()
				require.Zero(t, p.Stats().Waiting, "panic of call %d", at)
				must(t, p).Release()
				ends(t, p, s)
				if c.panic == nil {
					break
				}
				require.Equal(t, "nosy", c.panic)
				panics++
			}
			require.Positive(t, panics)
		})
	}
}

func TestManyWaitsThatEndLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waits, together = 100_000, 1000
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		h := must(t, p)
		var before, after runtime.MemStats
		for round := range waits / together {
			ctx, cancel := context.WithCancel(t.Context())
			var left atomic.Int64
			for range together {
				go func() { // ends with Get
					if _, err := p.Get(ctx); err != nil {
						left.Add(1)
					}
				}()
			}
			synctest.Wait()
			cancel()
			synctest.Wait()
			require.EqualValues(t, together, left.Load())
			if round == 0 {
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
		require.Zero(t, p.Stats().Waiting)
		require.EqualValues(t, waits, p.Stats().Cancelled)
		h.Release()
		ends(t, p, s)
	})
}
