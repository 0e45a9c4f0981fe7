package keyed_test

// This file holds both types against models that keep a map of all keys there
// ever were, in random programs.

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

// modelBucket is a bucket that gains a token each millisecond.
type modelBucket struct {
	tokens float64
	last   time.Time
}

func (b *modelBucket) take(burst, n int64) bool { return b.takeAt(time.Now(), burst, n) }

func (b *modelBucket) takeAt(now time.Time, burst, n int64) bool {
	if b.last.IsZero() {
		b.tokens = float64(burst)
	} else {
		b.tokens = min(float64(burst), b.tokens+float64(now.Sub(b.last))/float64(time.Millisecond))
	}
	b.last = now
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}

// With a table that is large enough, dropping full buckets can't be told from
// keeping all.
func TestARateIsTheModelThatForgetsNothing(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			burst := 1 + random.Int64N(8)
			r := keyed.NewRate[int](keyed.RateOptions{Keys: 5, Limit: 1000, Burst: burst})
			model := map[int]*modelBucket{}
			live := 1 + random.IntN(6) // at a time, fewer than there are slots
			total, refused := uint64(0), uint64(0)
			for step := range 2000 {
				// Which keys live changes as fast as a bucket fills.
				key := step/200*1000 + random.IntN(live)
				if step%200 == 0 {
					time.Sleep(time.Duration(burst+1) * time.Millisecond)
				}
				time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond / 2)
				if model[key] == nil {
					model[key] = new(modelBucket)
				}
				n := 1 + random.Int64N(burst)
				want := model[key].take(burst, n)
				p, err := r.For(key).TryTake(n)
				require.Equal(t, want, err == nil, "seed %d step %d", seed, step)
				if want {
					total += uint64(n)
				} else {
					refused++
				}
				p.Release()
				_, remaining, _, reset := r.For(key).Quota()
				require.Equal(t, int64(model[key].tokens), remaining)
				full := float64(burst) - model[key].tokens
				require.Equal(t, time.Duration(full*float64(time.Millisecond)), reset)
			}
			require.Zero(t, r.Overflow())
			require.Equal(t, total, r.Stats().Total)
			require.Equal(t, refused, r.Stats().Refused)
		})
	}
}

// A table that is too small refuses more than the model, by what is in the
// overflow, and no key ever gets more than a model of its own and the overflow.
func TestARateThatIsTooSmallGrantsNoMoreThanItsOverflowOnTop(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			const burst = 4
			r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1000, Burst: burst})
			model := map[int]*modelBucket{}
			shared := new(modelBucket)
			for range 5000 {
				key := random.IntN(40)
				if model[key] == nil {
					model[key] = new(modelBucket)
				}
				before := r.Overflow()
				ok := r.For(key).Allow()
				after := r.Overflow()
				if before != after {
					require.Equal(t, shared.take(burst, 1), ok)
				} else {
					require.Equal(t, model[key].take(burst, 1), ok)
				}
				time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond / 100)
			}
			require.NotZero(t, r.Overflow().Refused)
		})
	}
}

// What was taken and given back at random never lets a window have more than it
// may: a bucket that is replayed with the final costs never goes below zero.
func TestWhateverIsGivenBackTheBoundHolds(t *testing.T) {
	type event struct {
		at   time.Time
		cost int64
	}
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			burst := 2 + random.Int64N(20)
			k := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1000, Burst: burst}).For(1)
			var events []*event
			type open struct {
				permit limiter.Permit
				e      *event
			}
			var permits []open
			for range 300 {
				if random.IntN(3) > 0 {
					time.Sleep(time.Duration(random.Int64N(burst)) * time.Millisecond / 4)
				} else if random.IntN(20) == 0 {
					time.Sleep(time.Duration(burst) * time.Millisecond)
				}
				if len(permits) > 0 && random.IntN(2) == 0 {
					i := random.IntN(len(permits))
					o := permits[i]
					is := random.Int64N(o.e.cost + 1)
					o.permit.Settle(is)
					o.e.cost = is
					if random.IntN(2) == 0 {
						o.permit.Release()
						permits = append(permits[:i], permits[i+1:]...)
					}
					continue
				}
				n := 1 + random.Int64N(burst)
				if p, err := k.TryTake(n); err == nil {
					e := &event{time.Now(), n}
					events = append(events, e)
					permits = append(permits, open{p, e})
				}
			}
			replay := new(modelBucket)
			for i, e := range events {
				require.True(t, replay.takeAt(e.at, burst, e.cost), "seed %d: event %d of %d", seed, i, e.cost)
			}
			for _, o := range permits {
				o.permit.Release()
			}
		})
	}
}

func TestASemaphoreIsTheModelThatForgetsNothing(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 6))
		keys, size := 1+random.IntN(10), 1+random.Int64N(5)
		s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: keys, Size: size})
		type grant struct {
			key    int
			n      int64
			permit limiter.Permit
		}
		held := map[int]int64{}
		var grants []grant
		total, refused := uint64(0), uint64(0)
		for step := range 3000 {
			if len(grants) > 0 && random.IntN(5) < 2 {
				i := random.IntN(len(grants))
				g := &grants[i]
				is := int64(0)
				if random.IntN(3) == 0 {
					is = random.Int64N(g.n + 1)
					g.permit.Settle(is)
				} else {
					g.permit.Release()
				}
				if held[g.key] -= g.n - is; held[g.key] == 0 {
					delete(held, g.key)
				}
				if g.n = is; is == 0 {
					g.permit.Release()
					grants = append(grants[:i], grants[i+1:]...)
				}
				continue
			}
			key, n := random.IntN(3*keys), 1+random.Int64N(size+1)
			var want error
			switch {
			case n > size:
				want = limiter.ErrTooLarge
			case held[key]+n > size, held[key] == 0 && len(held) == keys:
				want = limiter.ErrFull
			}
			p, err := s.For(key).TryTake(n)
			require.True(t, errors.Is(err, want), "seed %d step %d: %v, want %v", seed, step, err, want)
			if err != nil {
				refused++
				continue
			}
			held[key] += n
			total += uint64(n)
			grants = append(grants, grant{key, n, p})
			_, free, _, _ := s.For(key).Quota()
			require.Equal(t, size-held[key], free)
		}
		inFlight := int64(0)
		for _, n := range held {
			inFlight += n
		}
		stats := s.Stats()
		require.Equal(t, inFlight, stats.InFlight)
		require.Equal(t, total, stats.Total)
		require.Equal(t, refused, stats.Refused)
		require.EqualValues(t, len(held), keyed.Held(s))
		for _, g := range grants {
			g.permit.Release()
		}
		require.Zero(t, s.Stats().InFlight)
	}
}
