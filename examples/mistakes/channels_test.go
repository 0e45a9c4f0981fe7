package mistakes_test

// What channels, groups and timers do to those who make the mistakes.

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/examples/mistakes"
	"github.com/belay-go/belay/timeout"
)

// done returns a context that has ended.
func done() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestAResultThatNobodyReadsKeepsItsGoroutine(t *testing.T) {
	var called sync.WaitGroup
	called.Add(1)
	_, err := mistakes.FetchWrong(done(), func() string { called.Wait(); return "late" })
	require.ErrorIs(t, err, context.Canceled)
	called.Done()
	leaks(t, "FetchWrong", "chan send")

	release := make(chan struct{})
	_, err = mistakes.FetchRight(done(), func() string { <-release; return "late" })
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	clean(t, "FetchRight")
}

func TestAnAbandonedCallIsCountedUntilItEnds(t *testing.T) {
	var calls timeout.Runner
	release, began := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }() // ends when the call has begun
	_, err := mistakes.FetchCounted(&calls, ctx, func() string { close(began); <-release; return "late" })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, calls.Abandoned())
	close(release)
	require.NoError(t, calls.WaitContext(t.Context()))
	clean(t, "FetchCounted")
}

func TestAChannelThatIsNotClosedKeepsItsReader(t *testing.T) {
	broken := errors.New("no such name")
	find := func(name string) (string, error) {
		if name == "bob" {
			return "", broken
		}
		return name + "@example.org", nil
	}
	names := []string{"alice", "bob", "carol"}
	require.ErrorIs(t, mistakes.SendAllWrong(names, find, func(string) {}), broken)
	leaks(t, "SendAllWrong", "chan receive")
	require.ErrorIs(t, mistakes.SendAllRight(names, find, func(string) {}), broken)
	clean(t, "SendAllRight")
	require.ErrorIs(t, mistakes.SendAllBounded(t.Context(), names, find, func(string) {}), broken)
	clean(t, "SendAllBounded")
}

func TestATimerPerRoundCostsAllocationsPerRound(t *testing.T) {
	const n = 1000
	cost := func(consume func(<-chan string, time.Duration, func(string)) error) float64 {
		return testing.AllocsPerRun(3, func() {
			messages := make(chan string, n)
			for range n {
				messages <- "hello"
			}
			close(messages)
			_ = consume(messages, time.Hour, func(string) {})
		})
	}
	require.GreaterOrEqual(t, cost(mistakes.ConsumeWrong), float64(2*n))
	require.Less(t, cost(mistakes.ConsumeRight), float64(20))
}

func TestAGroupForWhichNobodyWaitsTellsNobodyOfItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var ended atomic.Bool
		broken := errors.New("out of memory")
		load := func(context.Context, string) error { <-release; ended.Store(true); return broken }
		mistakes.WarmWrong(t.Context(), []string{"a"}, load)
		require.False(t, ended.Load(), "it has returned before its task")
		time.AfterFunc(time.Second, func() { close(release) })
		require.ErrorIs(t, mistakes.WarmRight(t.Context(), []string{"a"}, load), broken)
	})
}

func TestAWaitThatIsGivenUpStays(t *testing.T) {
	hung := new(sync.WaitGroup)
	hung.Add(1) // and nobody calls Done
	require.False(t, mistakes.WaitWrong(hung, 0))
	leaks(t, "WaitWrong", "sync.WaitGroup.Wait")

	var tasks timeout.WaitGroup
	tasks.Add(1)
	require.False(t, mistakes.WaitRight(&tasks, 0))
	clean(t, "WaitRight")
	tasks.Done()
	require.True(t, mistakes.WaitRight(&tasks, 0))
}

func TestATimeoutIsToShrink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			ask  func(context.Context, func(context.Context) error) error
			want time.Duration
		}{{mistakes.AskWrong, 10 * time.Second}, {mistakes.AskRight, time.Second}} {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := c.ask(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, c.want, time.Since(began))
			cancel()
		}
	})
}

// The child is this test binary.
func TestAPanicInAGoroutineIsNobodyElsesToRecover(t *testing.T) {
	size := func(string) int64 { panic("bad file") }
	if os.Getenv("MISTAKES_PANIC") != "" {
		_, err := mistakes.SizesWrong([]string{"a"}, size)
		t.Log("survived:", err)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "MISTAKES_PANIC=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: bad file")
	require.NotContains(t, string(out), "survived")

	_, err = mistakes.SizesRight(t.Context(), []string{"a"}, size)
	var panicked *belay.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Equal(t, "bad file", panicked.Value)
}

func TestAComponentWithoutAnEndStays(t *testing.T) {
	mistakes.NewQueueWrong()
	leaks(t, "NewQueueWrong", "chan receive")

	synctest.Test(t, func(t *testing.T) { // fails if anything stays
		ctx, cancel := context.WithCancel(t.Context())
		q, ready := mistakes.NewQueueRight(), make(chan struct{})
		go q.Run(ctx, func() { close(ready) }) // ends with ctx
		<-ready
		cancel()
	})
}

func TestADeferredCancelInALoopRunsAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		probe func(context.Context, []string, func(context.Context, string))
		live  int
	}{{mistakes.ProbeWrong, 2}, {mistakes.ProbeRight, 0}} {
		var rounds []context.Context
		live := 0
		c.probe(t.Context(), []string{"a", "b", "c"}, func(ctx context.Context, _ string) {
			live = 0
			for _, earlier := range rounds {
				if earlier.Err() == nil {
					live++
				}
			}
			rounds = append(rounds, ctx)
		})
		require.Equal(t, c.live, live)
	}
}

func TestAGroupsContextIsDeadAfterWait(t *testing.T) {
	load := func(context.Context, string) error { return nil }
	publish := func(ctx context.Context, _ string) error { return ctx.Err() }
	require.ErrorIs(t, mistakes.RebuildWrong(t.Context(), []string{"a"}, load, publish), context.Canceled)
	require.NoError(t, mistakes.RebuildRight(t.Context(), []string{"a"}, load, publish))
}

func TestAnAddInsideTheGoroutineComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var uploaded atomic.Int64
		changed := func(string) bool { time.Sleep(time.Second); return true }
		upload := func(string) { uploaded.Add(1) }
		mistakes.UploadWrong([]string{"a", "b"}, changed, upload)
		require.Zero(t, uploaded.Load(), "it has returned, and nothing was done")
		time.Sleep(time.Minute)
		require.EqualValues(t, 2, uploaded.Swap(0))
		mistakes.UploadRight([]string{"a", "b"}, changed, upload)
		require.EqualValues(t, 2, uploaded.Load())
	})
}

func TestASleepGoesOnWithoutItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			retry func(context.Context, func(context.Context) error) error
			want  time.Duration
		}{{mistakes.RetryWrong, 5 * time.Second}, {mistakes.RetryRight, time.Second}} {
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			time.AfterFunc(time.Second, cancel)
			require.Error(t, c.retry(ctx, func(context.Context) error { return errors.New("refused") }))
			require.Equal(t, c.want, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		require.Error(t, mistakes.RetryRight(ctx, func(context.Context) error { return errors.New("refused") }))
		require.Zero(t, time.Since(began), "the next try would come too late")
	})
}

func TestADrainAfterTheValueWasTakenHangs(t *testing.T) {
	lines := make(chan string)
	flushed := make(chan struct{})
	go mistakes.FlushWrong(lines, time.Millisecond, func(string) {}, func() { close(flushed) }) // never ends: that is the mistake
	<-flushed
	eventually(t, func() bool {
		for _, stack := range all() {
			if contains(stack, "mistakes.FlushWrong(", "[chan receive") {
				return true
			}
		}
		return false
	}, "it doesn't hang")

	synctest.Test(t, func(t *testing.T) {
		lines, flushes := make(chan string), 0
		time.AfterFunc(3500*time.Millisecond, func() { close(lines) })
		mistakes.FlushRight(lines, time.Second, func(string) {}, func() { flushes++ })
		require.Equal(t, 3, flushes)
	})
}

func TestAResetWhileTheFuncRunsRunsItTwiceAtOnce(t *testing.T) {
	for most, saver := range map[int]func(time.Duration, func()) func(){2: mistakes.SaveWrong, 1: mistakes.SaveRight} {
		synctest.Test(t, func(t *testing.T) {
			var running, seen, calls atomic.Int64
			changed := saver(time.Second, func() {
				seen.Store(max(seen.Load(), running.Add(1)))
				time.Sleep(10 * time.Second)
				running.Add(-1)
				calls.Add(1)
			})
			time.Sleep(2 * time.Second)
			changed()
			time.Sleep(time.Minute)
			require.EqualValues(t, most, seen.Load())
			require.EqualValues(t, 2, calls.Load())
		})
	}
}

func TestAMapOfLimitersGrowsByWhatClientsCallThemselves(t *testing.T) {
	names := make([]string, 0, 3000)
	for i := range cap(names) {
		names = append(names, "client "+strconv.Itoa(i))
	}
	cost := func(allow func(string) bool) float64 {
		next := 0
		return testing.AllocsPerRun(1000, func() { allow(names[next]); next++ })
	}
	require.GreaterOrEqual(t, cost(new(mistakes.ClientsWrong).Allow), float64(1))
	require.Zero(t, cost(mistakes.NewClientsRight().Allow))
}

func TestALoopOverATickerOutlivesItsStop(t *testing.T) {
	mistakes.PollWrong(time.Hour, func() {})() // stopped at once
	leaks(t, "PollWrong", "chan receive")

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		polls := 0
		mistakes.PollRight(ctx, time.Second, func() { polls++ })
		require.Equal(t, 3, polls)
	})
}
