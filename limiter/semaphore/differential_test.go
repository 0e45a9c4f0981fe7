package semaphore_test

// This file runs random programs on the semaphore and on golang.org/x/sync's
// side by side. What differs is listed, and nothing else may.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	reference "golang.org/x/sync/semaphore"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

// pair is one semaphore of each, and what was called.
type pair struct {
	t            *testing.T
	ours, theirs acquirer
	held, size   int64
	calls        [][2]*call
	weights      []int64
	cancels      []context.CancelFunc
	done         string
}

func (p *pair) acquire(n int64, done bool) {
	ctx, cancel := context.WithCancel(context.Background())
	if done {
		cancel()
	}
	p.calls = append(p.calls, [2]*call{acquire(ctx, p.ours, n), acquire(ctx, p.theirs, n)})
	p.weights = append(p.weights, n)
	p.cancels = append(p.cancels, cancel)
}

// rest lets everything come to rest, compares, and counts what is held.
func (p *pair) rest(loose int64) {
	synctest.Wait()
	p.held = loose
	for i, both := range p.calls {
		ours, theirs := both[0].verdict(), both[1].verdict()
		if ours == tooLarge {
			// Difference 1: theirs waits for its context to end.
			require.Greater(p.t, p.weights[i], p.size, p.done)
			require.Contains(p.t, []verdict{waiting, gaveUp}, theirs, p.done)
			continue
		}
		require.Equal(p.t, theirs, ours, "call %d after %s", i, p.done)
		if ours == served {
			p.held += p.weights[i]
		}
	}
}

// Weights begin at one, for difference 2: see the test below.
func TestRandomProgramsGoAsOnXSync(t *testing.T) {
	for seed := range uint64(600) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			size := random.Int64N(8)
			p := &pair{t: t, size: size, ours: semaphore.NewWeighted(size), theirs: reference.NewWeighted(size)}
			loose := int64(0) // taken by TryAcquire, less what was released
			for range random.IntN(60) {
				n := 1 + random.Int64N(size+2)
				switch random.IntN(8) {
				case 0:
					got := p.ours.TryAcquire(n)
					require.Equal(t, p.theirs.TryAcquire(n), got, p.done)
					if got {
						loose += n
					}
					p.done += fmt.Sprintf("TryAcquire(%d); ", n)
				case 1, 2:
					n = min(n, p.held)
					p.ours.Release(n)
					p.theirs.Release(n)
					loose -= n
					p.done += fmt.Sprintf("Release(%d); ", n)
				case 3:
					if i := len(p.cancels); i > 0 {
						i = random.IntN(i)
						p.cancels[i]()
						p.done += fmt.Sprintf("cancel %d; ", i)
					}
				default:
					done := random.IntN(10) == 0
					p.acquire(n, done)
					p.done += fmt.Sprintf("Acquire(%d), done before: %v; ", n, done)
				}
				p.rest(loose)
			}
			for _, cancel := range p.cancels {
				cancel()
				p.rest(loose)
			}
		})
	}
}

// Difference 2.
func TestAWeightOfZeroIsNotForgottenInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for s, want := range map[acquirer]verdict{
			semaphore.NewWeighted(1): served,
			reference.NewWeighted(1): waiting, // though it would need nothing
		} {
			require.NoError(t, s.Acquire(background, 1))
			ctx, cancel := context.WithCancel(background)
			front := acquire(ctx, s, 1)
			synctest.Wait()
			nothing := acquire(background, s, 0)
			synctest.Wait()
			cancel()
			<-front.done
			synctest.Wait()
			require.Equal(t, want, nothing.verdict())
			s.Release(1)
			<-nothing.done
		}
	})
}

// Difference 3.
func TestAReleaseOfMoreThanIsHeldChangesNothing(t *testing.T) {
	for s, intact := range map[acquirer]bool{
		semaphore.NewWeighted(1): true,
		reference.NewWeighted(1): false, // one more may be held from here on
	} {
		require.PanicsWithValue(t, "semaphore: released more than held", func() { s.Release(1) })
		require.True(t, s.TryAcquire(1))
		require.Equal(t, intact, !s.TryAcquire(1))
	}
}

// Difference 4.
func TestANilContextIsNamed(t *testing.T) {
	var none context.Context
	require.PanicsWithValue(t, "semaphore: Acquire with a nil context", func() {
		_ = semaphore.NewWeighted(1).Acquire(none, 1)
	})
	require.Panics(t, func() { _ = reference.NewWeighted(1).Acquire(none, 1) })
}

// What a drop-in returns can be compared with ==, as before.
func TestTheErrorOfAnAcquireIsThatOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(background)
	cancel(limiter.ErrLimited) // any cause
	for _, s := range []acquirer{semaphore.NewWeighted(1), reference.NewWeighted(1)} {
		require.True(t, s.Acquire(ctx, 1) == context.Canceled)
	}
	_, err := semaphore.NewWeighted(1).Take(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, limiter.ErrLimited, "Take's says why as well")
}
