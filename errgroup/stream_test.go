package errgroup_test

// This file tests Stream: its order, its bound, and every way out of the loop.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

// naturals never ends by itself, and says when it has been ended.
func naturals(ended *bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer func() { *ended = true }()
		for n := 0; yield(n); n++ {
		}
	}
}

// sleepFor takes as many seconds as its item says, or until its context ends.
func sleepFor(ctx context.Context, seconds int) (int, error) {
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
		return seconds, nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

func TestStreamDoesNothingBeforeTheRange(t *testing.T) {
	taken := 0
	errgroup.Stream(t.Context(), errgroup.Options{}, upTo(3, &taken), sleepFor)
	require.Zero(t, taken)
}

func TestResultsArriveWhileOthersAreWorkedOn(t *testing.T) {
	for unordered, want := range map[bool][]string{
		false: {"3 after 3s", "1 after 3s", "2 after 5s", "1 after 5s"},
		true:  {"1 after 1s", "3 after 3s", "2 after 3s", "1 after 4s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var got []string
			o := errgroup.Options{Limit: 2, Unordered: unordered}
			for r, err := range errgroup.Stream(t.Context(), o, slices.Values([]int{3, 1, 2, 1}), sleepFor) {
				require.NoError(t, err)
				got = append(got, fmt.Sprintf("%d after %v", r, time.Since(began)))
			}
			if unordered {
				slices.Sort(got[1:3]) // both came after 3s
				slices.Sort(want[1:3])
			}
			require.Equal(t, want, got)
		})
	}
}

func TestWithoutALimitStreamRunsOneForEachProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		taken := 0
		require.NoError(t, last(errgroup.Stream(t.Context(), errgroup.Options{}, upTo(100, &taken), func(context.Context, int) (int, error) {
			m.enter()
			defer m.leave()
			time.Sleep(time.Second)
			return 0, nil
		})))
		require.EqualValues(t, runtime.GOMAXPROCS(0), m.most.Load())
	})
}

func TestASlowBodyHoldsBackTheSequence(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			taken, handed := 0, 0
			o := errgroup.Options{Limit: 4, Unordered: unordered}
			for range errgroup.Stream(t.Context(), o, upTo(50, &taken), func(context.Context, int) (int, error) { return 0, nil }) {
				handed++
				time.Sleep(time.Second)
				require.LessOrEqual(t, taken-handed, 4)
			}
			require.Equal(t, 50, handed)
		})
	}
}

func TestTheErrorIsTheLastPairAndNothingRunsByThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		ended := false
		var results []int
		var failure error
		for r, err := range errgroup.Stream(t.Context(), errgroup.Options{Limit: 4}, naturals(&ended), func(ctx context.Context, n int) (int, error) {
			m.enter()
			defer m.leave()
			if n == 6 {
				return -1, errTask
			}
			if n > 6 {
				<-ctx.Done()
				time.Sleep(time.Second)
				return -1, ctx.Err()
			}
			return n, nil
		}) {
			require.NoError(t, failure, "a pair after the error")
			if failure = err; err != nil {
				require.Zero(t, r)
				require.Zero(t, m.running.Load())
				require.True(t, ended)
			} else {
				results = append(results, r)
			}
		}
		require.Equal(t, errTask, failure)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5}, results)
	})
}

func TestACallersCancelEndsStreamWithTheCause(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errOuter)
			defer cancel()
			o := errgroup.Options{Limit: 3, Unordered: unordered}
			err := last(errgroup.Stream(ctx, o, slices.Values(numbers(1000)), func(ctx context.Context, n int) (int, error) {
				time.Sleep(time.Second)
				return n, nil // the cancel is seen by Stream alone
			}))
			require.ErrorIs(t, err, errOuter)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

func TestACancelDuringTheBodyStillHandsOutWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []int
		var failure error
		taken := 0
		for r, err := range errgroup.Stream(ctx, errgroup.Options{Limit: 3}, upTo(10, &taken), func(_ context.Context, n int) (int, error) { return n, nil }) {
			if failure = err; err != nil {
				break
			}
			got = append(got, r)
			synctest.Wait()
			cancel()
		}
		require.Equal(t, []int{0, 1, 2}, got)
		require.Equal(t, 3, taken)
		require.Equal(t, context.Canceled, failure)
	})
}

func TestStreamThatCouldStartEverythingSucceedsThoughItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := 0
		for _, err := range errgroup.Stream(ctx, errgroup.Options{Limit: 9}, slices.Values(numbers(5)), func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 0, nil
		}) {
			require.NoError(t, err)
			cancel()
			got++
		}
		require.Equal(t, 5, got)
	})
}

func TestAnItemOfAStreamThatComesTooLateIsAnError(t *testing.T) {
	for range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		seq := func(yield func(int) bool) { _ = yield(1); cancel() }
		ran, handed, failed := false, 0, 0
		for _, err := range errgroup.Stream(ctx, errgroup.Options{Limit: 3}, seq, func(context.Context, int) (int, error) { ran = true; return 0, nil }) {
			if err == nil {
				handed++
			} else {
				failed++
			}
		}
		require.Equal(t, ran, handed == 1)
		require.Equal(t, 1, handed+failed)
	}
}

func TestNothingOfAStreamIsStartedAfterTheCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seq := func(yield func(int) bool) { cancel(); _ = yield(1) }
	require.Equal(t, context.Canceled, last(errgroup.Stream(ctx, errgroup.Options{Limit: 3}, seq, func(context.Context, int) (int, error) { panic("started") })))
}

func TestStreamWithADoneContextYieldsOnlyTheError(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOuter)
	pairs, taken := 0, 0
	for r, err := range errgroup.Stream(ctx, errgroup.Options{}, upTo(3, &taken), sleepFor) {
		require.Zero(t, r)
		require.ErrorIs(t, err, errOuter)
		pairs++
	}
	require.Equal(t, 1, pairs)
	require.Zero(t, taken)
}

func TestEveryWayOutOfTheLoopCancelsAndWaits(t *testing.T) {
	for name, leave := range map[string]func() (goOn bool){
		"break":  func() bool { return false },
		"panic":  func() bool { panic("body") },
		"Goexit": func() bool { runtime.Goexit(); return true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m meter
				ended := false
				var value any
				left := make(chan struct{})
				go func() {
					defer close(left)
					defer func() { value = recover() }()
					for range errgroup.Stream(t.Context(), errgroup.Options{Limit: 3}, naturals(&ended), func(ctx context.Context, n int) (int, error) {
						m.enter()
						defer m.leave()
						if n > 0 {
							<-ctx.Done()
							time.Sleep(time.Second)
						}
						return n, nil
					}) {
						synctest.Wait() // until the others have started
						if !leave() {
							break
						}
					}
				}()
				<-left
				require.Zero(t, m.running.Load())
				require.EqualValues(t, 3, m.started.Load())
				require.True(t, ended, "the sequence was not ended")
				if name == "panic" {
					require.Equal(t, "body", value)
				} else {
					require.Nil(t, value)
				}
			})
		})
	}
}

func TestAPanicAndAGoexitInTheSequenceOfAStreamComeOutOfTheLoop(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("seq") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m meter
				var value any
				left := make(chan struct{})
				returned := false
				go func() {
					defer close(left)
					defer func() { value = recover() }()
					seq := func(yield func(int) bool) { _ = yield(1); leave() }
					_ = last(errgroup.Stream(t.Context(), errgroup.Options{Limit: 3}, seq, func(ctx context.Context, _ int) (int, error) {
						m.enter()
						defer m.leave()
						<-ctx.Done()
						time.Sleep(time.Second)
						return 0, nil
					}))
					returned = true
				}()
				<-left
				require.False(t, returned)
				require.Zero(t, m.running.Load())
				if name == "panic" {
					require.Equal(t, "seq", value)
				} else {
					require.Nil(t, value)
				}
			})
		})
	}
}

func TestAGoexitInAStreamIsAnError(t *testing.T) {
	ended := false
	require.ErrorIs(t, last(errgroup.Stream(t.Context(), errgroup.Options{Limit: 2}, naturals(&ended), func(_ context.Context, n int) (int, error) {
		if n == 10 {
			runtime.Goexit()
		}
		return n, nil
	})), belay.ErrGoexit)
}

func TestAStreamMayBeRangedOverAgainAndConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		squares := errgroup.Stream(t.Context(), errgroup.Options{Limit: 2}, slices.Values(numbers(20)), func(ctx context.Context, n int) (int, error) {
			return n * n, ctx.Err()
		})
		sum := func() (sum int) {
			for r, err := range squares {
				if err != nil {
					panic(err)
				}
				sum += r
			}
			return sum
		}
		require.Equal(t, 2470, sum())
		require.Equal(t, 2470, sum())
		var sums sync.WaitGroup
		var total atomic.Int64
		for range 8 {
			sums.Go(func() { total.Add(int64(sum())) })
		}
		sums.Wait()
		require.EqualValues(t, 8*2470, total.Load())
	})
}

func TestStreamAllocatesNothingForAnItem(t *testing.T) {
	run := func(n int) float64 {
		return testing.AllocsPerRun(5, func() {
			taken := 0
			_ = last(errgroup.Stream(context.Background(), errgroup.Options{Limit: 2}, upTo(n, &taken), func(context.Context, int) (int, error) { return 0, nil }))
		})
	}
	few := run(100)
	require.Less(t, run(5_000), few+500)
}

// ranging is one random use of a Stream. Items take different times, so that
// there is one first error.
type ranging struct {
	errgroup.Options
	items      int
	fails      map[int]bool
	stubborn   map[int]bool // ignores the context
	takes      []time.Duration
	body       time.Duration // what the loop's body takes
	breakAfter int           // results; -1: never
	cancelAt   time.Duration // 0: never
}

func randomRange(rnd *rand.Rand) ranging {
	p := ranging{
		Options:    errgroup.Options{Limit: 1 + rnd.IntN(6), Unordered: rnd.IntN(2) == 0},
		items:      rnd.IntN(40),
		fails:      map[int]bool{},
		stubborn:   map[int]bool{},
		breakAfter: -1,
	}
	for i := range p.items {
		p.takes = append(p.takes, time.Duration(rnd.IntN(1000))*time.Millisecond+time.Duration(i)*time.Microsecond)
		p.stubborn[i] = rnd.IntN(3) == 0
		p.fails[i] = rnd.IntN(40) == 0
	}
	switch rnd.IntN(4) {
	case 0:
		p.breakAfter = rnd.IntN(20)
	case 1:
		p.cancelAt = time.Duration(rnd.IntN(8000))*time.Millisecond + 1
	}
	if rnd.IntN(2) == 0 {
		p.body = time.Duration(rnd.IntN(700)) * time.Millisecond
	}
	return p
}

// outcome is what a range did. Once the range is over nothing writes to it.
type outcome struct {
	mu        sync.Mutex
	running   int
	started   int
	succeeded []int       // in the order of their ends
	ends      []time.Time // of each item
	first     []error     // the errors of the moment at which the first call of f failed
	failed    time.Time   // that moment

	taken     int
	exhausted bool
	handed    []int
	broke     bool
	err       error // of the last pair
}

func (p ranging) run(ctx context.Context) (out *outcome, complaint error) {
	out = &outcome{ends: make([]time.Time, p.items), succeeded: []int{}, handed: []int{}}
	seq := func(yield func(int) bool) {
		for i := range p.items {
			if out.taken-len(out.handed) >= p.Limit {
				complaint = fmt.Errorf("item %d was taken with %d handed out", i, len(out.handed))
			}
			if out.taken++; !yield(i) {
				return
			}
		}
		out.exhausted = true
	}
	f := func(ctx context.Context, i int) (int, error) {
		out.mu.Lock()
		out.running++
		out.started++
		if out.running > p.Limit {
			complaint = errors.New("more run than the limit allows")
		}
		out.mu.Unlock()
		err := p.work(ctx, i)
		out.mu.Lock()
		defer out.mu.Unlock()
		out.running--
		now := time.Now()
		out.ends[i] = now
		if err == nil {
			out.succeeded = append(out.succeeded, i)
		} else if out.first == nil || out.failed.Equal(now) {
			out.first, out.failed = append(out.first, err), now
		}
		return i, err
	}
	for i, err := range errgroup.Stream(ctx, p.Options, seq, f) {
		if out.err = err; err != nil {
			if out.running > 0 {
				complaint = errors.New("something runs beside the error")
			}
			continue
		}
		out.handed = append(out.handed, i)
		if p.breakAfter >= 0 && len(out.handed) > p.breakAfter {
			out.broke = true
			break
		}
		time.Sleep(p.body)
	}
	if out.running > 0 {
		complaint = errors.New("something runs after the range")
	}
	return out, complaint
}

func (p ranging) work(ctx context.Context, i int) error {
	done := ctx.Done()
	if p.stubborn[i] {
		done = nil
	}
	select {
	case <-time.After(p.takes[i]):
	case <-done:
		return fmt.Errorf("item %d: %w", i, context.Cause(ctx))
	}
	if p.fails[i] {
		return fmt.Errorf("item %d: %w", i, errTask)
	}
	return nil
}

// endsOf are the moments at which the items ended.
func (o *outcome) endsOf(items []int) (ends []time.Time) {
	for _, i := range items {
		ends = append(ends, o.ends[i])
	}
	return ends
}

// expected is the model: what has to be handed out, given what succeeded. In
// whatever order items ended at one moment, all orders are right.
func (p ranging) expected(out *outcome) []int {
	if p.Unordered {
		return out.succeeded
	}
	sorted := slices.Clone(out.succeeded)
	slices.Sort(sorted)
	for i, item := range sorted {
		if item != i {
			return sorted[:i]
		}
	}
	return sorted
}

func TestAStreamBehavesLikeTheModelOnRandomPrograms(t *testing.T) {
	for seed := range uint64(1500) {
		p := randomRange(rand.New(rand.NewPCG(seed, 7)))
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if p.cancelAt > 0 {
				stop := time.AfterFunc(p.cancelAt, func() { cancel(errOuter) })
				defer stop.Stop()
			}
			out, complaint := p.run(ctx)
			require.NoError(t, complaint, "seed %d: %+v", seed, p)
			want := p.expected(out)
			if p.Unordered {
				require.Equal(t, out.endsOf(want)[:len(out.handed)], out.endsOf(out.handed), "seed %d: %+v", seed, p)
				require.Subset(t, want, out.handed, "seed %d: %+v", seed, p)
			} else {
				require.Equal(t, want[:len(out.handed)], out.handed, "seed %d: %+v", seed, p)
			}
			if out.broke {
				require.NoError(t, out.err)
				return
			}
			require.ElementsMatch(t, want, out.handed, "seed %d: %+v", seed, p)
			switch {
			case out.first != nil:
				require.Contains(t, out.first, out.err, "seed %d: %+v", seed, p)
			case out.exhausted && len(out.succeeded) == p.items:
				require.NoError(t, out.err, "seed %d: %+v", seed, p)
			default:
				require.ErrorIs(t, out.err, errOuter, "seed %d: %+v", seed, p)
				require.ErrorIs(t, out.err, context.Canceled)
			}
		})
	}
}
