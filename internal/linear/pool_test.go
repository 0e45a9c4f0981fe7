package linear_test

// This file checks pools.

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/linear"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/pool"
)

// loan is what is asked of a pool: a resource, places, or the end of either.
type loan struct {
	verb verb
	id   int64 // that is given back
	n    int64 // places
}

const (
	lend    verb = "lend"
	discard verb = "discard"
)

// poolState is who is out, and what was broken: by its number, true while out.
type poolState struct {
	known  map[int64]bool // false: broken
	places int64
}

// poolModel is a pool of so many as one call after the other sees it. A call may
// fail at any time, as its context ends or what is idle is in its way.
func poolModel(size int64) porcupine.Model {
	outOf := func(s poolState) (n int64) {
		for _, out := range s.known {
			if out {
				n++
			}
		}
		return n + s.places
	}
	return porcupine.Model{
		Init: func() any { return poolState{} },
		Step: func(state, input, output any) (bool, any) {
			s, in, got := state.(poolState), input.(loan), output.(int64)
			next := poolState{known: maps.Clone(s.known), places: s.places}
			if next.known == nil {
				next.known = map[int64]bool{}
			}
			switch in.verb {
			case lend:
				if got == 0 {
					return true, s
				}
				_, taken := s.known[got]
				next.known[got] = true
				return !taken && outOf(s) < size, next
			case try:
				next.places += got
				return outOf(s)+got <= size, next
			case discard:
				next.known[in.id] = false
			default:
				delete(next.known, in.id)
				next.places -= in.n
			}
			return true, next
		},
		Equal: func(a, b any) bool {
			x, y := a.(poolState), b.(poolState)
			return x.places == y.places && maps.Equal(x.known, y.known)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
	}
}

// borrower borrows, gives back, often twice, and breaks. With a fault, what it
// is lent is recorded as another now and then.
func borrower(p *pool.Pool[int64], fault string) linear.Program {
	return func(random *rand.Rand, record func(func() (any, any))) {
		for range 5 {
			if random.IntN(4) == 0 {
				n := 1 + random.Int64N(2)
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.Int64N(60_000)))
				var permit limiter.Permit
				var err error
				record(func() (any, any) {
					if permit, err = p.Take(ctx, n); err != nil {
						return loan{verb: try}, int64(0)
					}
					return loan{verb: try}, n
				})
				cancel()
				if err == nil {
					record(func() (any, any) { permit.Release(); permit.Release(); return loan{verb: release, n: n}, int64(0) })
				}
				continue
			}
			borrowOnce(p, fault, random, record)
		}
	}
}

func borrowOnce(p *pool.Pool[int64], fault string, random *rand.Rand, record func(func() (any, any))) {
	var h pool.Handle[int64]
	id := int64(0)
	record(func() (any, any) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.Int64N(200_000)))
		defer cancel()
		var err error
		if h, err = p.Get(ctx); err != nil {
			return loan{verb: lend}, int64(0)
		}
		id = h.Value()
		return loan{verb: lend}, id
	})
	if id == 0 {
		return
	}
	if random.IntN(2) == 0 {
		runtime.Gosched()
	}
	how := release
	if random.IntN(3) == 0 {
		how = discard
	}
	early := fault == "gives back before it is told to" && random.IntN(2) == 0
	if early {
		h.Release()
		runtime.Gosched()
	}
	record(func() (any, any) {
		if how == discard && fault != "lends what is broken" {
			h.Discard()
		}
		h.Release()
		return loan{verb: how, id: id}, int64(0)
	})
	h.Discard() // stale
}

func unexplainedLoans(t *testing.T, histories int, size int64, fault string) []porcupine.Operation {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	first := rand.Uint64()
	for i := range uint64(histories) {
		runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
		var opened atomic.Int64
		o := pool.Options[int64]{
			MaxOpen: int(size),
			Open:    func(context.Context) (int64, error) { return opened.Add(1), nil },
			Close:   func(int64) {},
		}
		if fault == "lends more than may be" {
			o.MaxOpen++
		}
		p := pool.New(o)
		history := linear.Record(first+i, 4, borrower(p, fault))
		require.NoError(t, p.Close(context.Background()))
		if !linear.Explained(poolModel(size), history) {
			t.Logf("seed %d", first+i)
			return history
		}
	}
	return nil
}

func TestThePoolIsLinearizable(t *testing.T) {
	require.Empty(t, unexplainedLoans(t, rounds(t), 2, ""))
}

func TestThePlacesOfAPoolAreLinearizable(t *testing.T) {
	for _, waits := range []bool{false, true} {
		require.Empty(t, unexplained(t, rounds(t), 4, waits, func(size int64) linear.Program {
			p := pool.New(pool.Options[int]{MaxOpen: int(size), Open: func(context.Context) (int, error) { return 0, nil }})
			return permits(p, size, waits)
		}))
	}
}

func TestFaultyPoolsAreFoundOut(t *testing.T) {
	for _, fault := range []string{"lends more than may be", "lends what is broken", "gives back before it is told to"} {
		require.NotEmpty(t, unexplainedLoans(t, 3000, 2, fault), fault)
	}
}
