package timeout_test

// This file holds the tests of the WaitGroup: what a wait promises when it is
// given up, and that nothing but the counter decides when it ends.

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

func TestTheZeroGroupHasNothingToWaitFor(t *testing.T) {
	var wg timeout.WaitGroup
	wg.Wait()
	require.NoError(t, wg.WaitContext(t.Context()))
	require.False(t, wg.WaitTimeout(time.Hour))
	require.Zero(t, wg.Len())
}

func TestAWaitEndsWithTheLastTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		began := time.Now()
		for i := range 5 {
			wg.Go(func() { time.Sleep(time.Duration(i+1) * time.Second) })
		}
		require.Equal(t, 5, wg.Len())
		wg.Wait()
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Zero(t, wg.Len())
	})
}

func TestAWaitThatIsGivenUpTakesNothingAndReuseIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		for range 3 { // rounds
			wg.Add(2)
			began := time.Now()
			require.True(t, wg.WaitTimeout(time.Second))
			require.Equal(t, time.Second, time.Since(began))
			require.Equal(t, 2, wg.Len())

			wg.Done()
			require.True(t, wg.WaitTimeout(time.Second), "one is still running")
			time.AfterFunc(time.Second, wg.Done)
			require.False(t, wg.WaitTimeout(time.Minute))
			require.Equal(t, 3*time.Second, time.Since(began))

			wg.Add(1)
			require.True(t, wg.WaitTimeout(time.Second), "the end of the last round ended this one")
			wg.Done()
		}
	})
}

func TestTenThousandExpiredWaitsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		wg.Add(1)
		ctx, cancel := ctxutil.Shrink(t.Context(), 0)
		defer cancel()
		expire := func(n int) {
			for range n {
				require.True(t, wg.WaitTimeout(time.Second))
				require.Error(t, wg.WaitContext(ctx))
			}
		}
		expire(100)
		before, goroutines := heapInUse(), runtime.NumGoroutine()
		expire(5000)
		require.Less(t, runtime.NumGoroutine(), goroutines+100)
		require.Less(t, heapInUse(), before+100<<10)
		wg.Done()
		wg.Wait()
	})
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAZeroThatIsPassedQuicklyReleasesEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		wg.Add(1)
		var released atomic.Int32
		for range 4 {
			go func() { wg.Wait(); released.Add(1) }()
			go func() {
				if wg.WaitContext(t.Context()) == nil {
					released.Add(1)
				}
			}()
			go func() {
				if !wg.WaitTimeout(time.Hour) {
					released.Add(1)
				}
			}()
		}
		synctest.Wait()
		wg.Done()
		wg.Add(1) // before any of them has run
		late := make(chan struct{})
		go func() { wg.Wait(); close(late) }()
		synctest.Wait()
		require.EqualValues(t, 12, released.Load())
		select {
		case <-late:
			require.Fail(t, "a wait for the next round was released by the last one")
		default:
		}
		wg.Done()
		<-late
	})
}

func TestAResultBeatsAnEndOfTheWaitThatComesWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			var wg timeout.WaitGroup
			wg.Add(1)
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- wg.WaitContext(ctx) }()
			synctest.Wait()
			wg.Done()
			wg.Add(1) // the zero has been, whatever comes after
			cancel()  // both are ready when the waiter runs
			require.NoError(t, <-result)

			timedOut := make(chan bool, 1)
			go func() { timedOut <- wg.WaitTimeout(time.Second) }()
			time.Sleep(time.Second - 1)
			wg.Done()
			wg.Add(1)
			time.Sleep(1)
			require.False(t, <-timedOut)
			wg.Done()
		}
	})
}

func TestATaskThatEndsJustInTimeIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 500 {
			var wg timeout.WaitGroup
			began := time.Now()
			wg.Go(func() { time.Sleep(time.Second) })
			require.False(t, wg.WaitTimeout(time.Second))

			wg.Go(func() { time.Sleep(time.Second) })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.NoError(t, wg.WaitContext(ctx))
			cancel()
			require.Equal(t, 2*time.Second, time.Since(began), "no time was added to see that")
		}
	})
}

// passing is a done context, asked for only after its waiter has joined; then
// the counter passes through zero.
type passing struct {
	context.Context
	wg *timeout.WaitGroup
}

func (p passing) Done() <-chan struct{} {
	p.wg.Done()
	p.wg.Add(1)
	return p.Context.Done()
}

func TestAZeroThatWasPassedBeatsADoneContextThoughTheCounterMovedOn(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	var wg timeout.WaitGroup
	wg.Add(1)
	for range 100 { // the waiter finds both, and picks one by chance
		require.NoError(t, wg.WaitContext(passing{done, &wg}))
		require.Equal(t, 1, wg.Len())
	}
}

func TestAGroupAtZeroBeatsADoneContext(t *testing.T) {
	var wg timeout.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, wg.WaitContext(ctx))
	wg.Add(1)
	require.ErrorIs(t, wg.WaitContext(ctx), context.Canceled)
	wg.Done()
	require.NoError(t, wg.WaitContext(ctx))
}

func TestAGivenUpWaitSaysHowManyAndWhy(t *testing.T) {
	why := errors.New("the operator pressed a key")
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		wg.Add(3)
		defer wg.Add(-3)

		ctx, cancel := ctxutil.ShrinkNamed(t.Context(), "drain", time.Second)
		defer cancel()
		err := wg.WaitContext(ctx)
		require.EqualError(t, err, "timeout: 3 of the group still running: context deadline exceeded: ctxutil: drain: timed out after 1s, limit 1s")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var limit *ctxutil.TimeoutError
		require.ErrorAs(t, err, &limit)
		require.True(t, isTimeout(err))

		plain, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		err = wg.WaitContext(plain)
		require.EqualError(t, err, "timeout: 3 of the group still running: context deadline exceeded")
		require.True(t, isTimeout(err))

		cancelled, end := context.WithCancelCause(t.Context())
		end(why)
		err = wg.WaitContext(cancelled)
		require.EqualError(t, err, "timeout: 3 of the group still running: context canceled: the operator pressed a key")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, why)
		require.False(t, isTimeout(err))
	})
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func TestADurationThatHasPassedOnlyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		began := time.Now()
		for _, d := range []time.Duration{0, -1, math.MinInt64} {
			require.False(t, wg.WaitTimeout(d))
			wg.Add(1)
			require.True(t, wg.WaitTimeout(d))
			wg.Done()
		}
		require.Zero(t, time.Since(began))
	})
}

func TestTheLongestDurationNeverPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1} {
			wg.Add(1)
			time.AfterFunc(365*24*time.Hour, wg.Done)
			require.False(t, wg.WaitTimeout(d))
		}
	})
}

func TestATaskThatLeavesByGoexitIsOver(t *testing.T) {
	var wg timeout.WaitGroup
	wg.Go(runtime.Goexit)
	wg.Wait()
	require.Zero(t, wg.Len())
}

func TestATaskMayStartOthers(t *testing.T) {
	var wg timeout.WaitGroup
	var ran atomic.Int32
	var tree func(depth int) func()
	tree = func(depth int) func() {
		return func() {
			ran.Add(1)
			if depth > 0 {
				wg.Go(tree(depth - 1))
				wg.Go(tree(depth - 1))
			}
		}
	}
	wg.Go(tree(6))
	wg.Wait()
	require.EqualValues(t, 127, ran.Load())
}

func TestWhatTasksWroteIsVisibleAfterAnyKindOfWait(t *testing.T) {
	// The race detector is what judges here.
	waits := []func(*timeout.WaitGroup){
		(*timeout.WaitGroup).Wait,
		func(wg *timeout.WaitGroup) { _ = wg.WaitContext(context.Background()) },
		func(wg *timeout.WaitGroup) { _ = wg.WaitTimeout(time.Hour) },
		func(wg *timeout.WaitGroup) {
			for wg.WaitTimeout(0) {
				runtime.Gosched()
			}
		},
		func(wg *timeout.WaitGroup) {
			done, cancel := context.WithCancel(context.Background())
			cancel()
			for wg.WaitContext(done) != nil {
				runtime.Gosched()
			}
		},
	}
	for _, wait := range waits {
		for range 200 {
			var wg timeout.WaitGroup
			var results [4]int
			for i := range results {
				wg.Go(func() { results[i] = i + 1 })
			}
			wait(&wg)
			require.Equal(t, [4]int{1, 2, 3, 4}, results)
		}
	}
}

func TestWaitersAreNeverLostBesideAChurningCounter(t *testing.T) {
	var wg timeout.WaitGroup
	stop := make(chan struct{})
	var churners sync.WaitGroup
	for range 2 {
		churners.Go(func() { // ends with the test
			for {
				select {
				case <-stop:
					return
				default:
					wg.Add(1)
					runtime.Gosched()
					wg.Done()
				}
			}
		})
	}
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 2000 {
		// Zero is passed all the time, though seldom for long.
		require.NoError(t, wg.WaitContext(patience))
		wg.WaitTimeout(time.Microsecond)
	}
	close(stop)
	churners.Wait()
	require.False(t, wg.WaitTimeout(0))
}

func TestNoWaitIsReleasedBeforeTheTasksThatWereThereWhenItBegan(t *testing.T) {
	waits := []func(wg *timeout.WaitGroup){
		func(wg *timeout.WaitGroup) { wg.Wait() },
		func(wg *timeout.WaitGroup) { <-wg.Zero() },
		func(wg *timeout.WaitGroup) { _ = wg.WaitContext(context.Background()) },
		func(wg *timeout.WaitGroup) { _ = wg.WaitTimeout(time.Minute) },
	}
	// Each of these goroutines has a task of its own, so zero is passed often and
	// briefly, and a wait may begin between a zero and its releases.
	var wg timeout.WaitGroup
	var early atomic.Int32
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() { // ends with its rounds
			for n := range 20_000 {
				var over atomic.Bool
				wg.Add(1)
				go func() { over.Store(true); wg.Done() }() // ends at once
				waits[(n+i)%len(waits)](&wg)
				if !over.Load() {
					early.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, early.Load())
	require.Zero(t, wg.Len())
}

// heldUp brings wg from one task to none by a Done that has yet to release who
// waits, and returns the func that lets it.
func heldUp(wg *timeout.WaitGroup, meanwhile func()) (letGo func()) {
	letGo = wg.Hold()
	if meanwhile != nil {
		meanwhile()
		for range 100 { // so that what it wakes is at the lock
			runtime.Gosched()
		}
	}
	go wg.Done() // ends when it is let go
	for wg.Len() > 0 {
		runtime.Gosched()
	}
	return letGo
}

func TestAWaitThatBeginsBetweenAZeroAndItsReleasesIsNoneOfThese(t *testing.T) {
	for range 200 {
		var wg timeout.WaitGroup
		wg.Add(1)
		first := wg.Zero()
		letGo := heldUp(&wg, nil)
		wg.Add(1)
		letGo()
		second := wg.Zero() // who runs is mostly faster than who is woken
		<-first
		letGo = wg.Hold() // by now Done has had its turn, or gets it next
		letGo()
		runtime.Gosched()
		select {
		case <-second:
			require.Fail(t, "released by a zero from before it began")
		default:
		}
		wg.Done()
		<-second
	}
}

// asked is a context that says when its wait has begun: a wait joins the group
// before it asks for the channel of its context.
type asked struct {
	context.Context
	begun chan struct{}
}

func (a asked) Done() <-chan struct{} {
	close(a.begun)
	return a.Context.Done()
}

func TestAZeroThatSomebodyHasSeenBeatsACancelThatCameBefore(t *testing.T) {
	for range 200 {
		var wg timeout.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		patient := asked{ctx, make(chan struct{})}
		result := make(chan error, 1)
		wg.Add(1)
		go func() { result <- wg.WaitContext(patient) }() // ends with the wait
		<-patient.begun
		letGo := heldUp(&wg, cancel) // the wait is at the lock before Done is
		wg.Add(1)
		letGo()
		require.NoError(t, <-result)
	}
}

func TestAChannelForSelectIsClosedAtTheNextZero(t *testing.T) {
	var wg timeout.WaitGroup
	synctest.Test(t, func(t *testing.T) {
		isClosed := func(c <-chan struct{}) bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		require.True(t, isClosed(wg.Zero()), "there are no tasks")
		wg.Add(2)
		zero := wg.Zero()
		require.True(t, wg.WaitTimeout(time.Second), "whose end forgets no channel that is out")
		wg.Done()
		require.False(t, isClosed(zero))
		wg.Done()
		wg.Add(1)
		require.True(t, isClosed(zero), "the zero has been, though it is over")
		next := wg.Zero()
		require.False(t, isClosed(next))
		wg.Done()
		require.True(t, isClosed(next))

		wg.Add(1) // a channel from before does not keep a later one
		require.True(t, wg.WaitTimeout(time.Second))
	})
	wg.Done() // closing a channel of the bubble would panic here
}

func TestAClosedGroupRefusesOnlyWhatAsks(t *testing.T) {
	var wg timeout.WaitGroup
	require.True(t, wg.TryAdd(2))
	wg.Close()
	wg.Close()
	require.False(t, wg.TryAdd(1))
	require.Equal(t, 2, wg.Len())
	wg.Go(func() {}) // a task of the group may need another one
	wg.Add(1)
	wg.Add(-3)
	wg.Wait()
	require.False(t, wg.TryAdd(1), "there is no opening")
}

func TestNoTryAddSucceedsAfterAClose(t *testing.T) {
	for range 1000 {
		var wg timeout.WaitGroup
		var adders sync.WaitGroup
		var added atomic.Int64
		for range 2 {
			adders.Go(func() { // ends with the close
				for wg.TryAdd(1) {
					added.Add(1)
					runtime.Gosched()
				}
			})
		}
		runtime.Gosched()
		wg.Close()
		now := wg.Len()
		adders.Wait()
		require.EqualValues(t, added.Load(), now)
		require.EqualValues(t, added.Load(), wg.Len())
	}
}

func TestAGivenUpWaitNamesWhoIsLateAndSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg timeout.WaitGroup
		stuck := make(chan struct{})
		wg.GoNamed("index", func() { <-stuck })
		time.Sleep(time.Second)
		wg.GoNamed("compact", func() { <-stuck })
		wg.GoNamed("quick", func() {})
		wg.Go(func() { <-stuck })
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		require.EqualError(t, wg.WaitContext(ctx),
			"timeout: 3 of the group still running (index for 2.5s, compact for 1.5s): context deadline exceeded")

		for i := range 10 {
			wg.GoNamed("upload "+strconv.Itoa(i), func() { <-stuck })
		}
		err := wg.WaitContext(ctx)
		require.ErrorContains(t, err, "13 of the group still running (index for 2.5s, compact for 1.5s, upload 0 for 0s, ")
		require.ErrorContains(t, err, ", upload 5 for 0s, and 4 more): ")
		close(stuck)
		wg.Wait()
		require.NoError(t, wg.WaitContext(ctx))
	})
}

var packageLevel timeout.WaitGroup

func TestOneGroupWorksInABubbleOutsideAndInTheNext(t *testing.T) {
	use := func(t *testing.T) {
		ctx, cancel := ctxutil.Shrink(t.Context(), time.Nanosecond)
		defer cancel()
		require.Error(t, packageLevel.WaitContext(ctx))
		require.True(t, packageLevel.WaitTimeout(time.Nanosecond))
		require.Equal(t, 1, packageLevel.Len())
		go packageLevel.Done() // ends at once
		packageLevel.Wait()
		packageLevel.Add(1) // left for the next
	}
	packageLevel.Add(1)
	synctest.Test(t, use)
	use(t)
	synctest.Test(t, use)
	packageLevel.Done()
	packageLevel.Wait()
}

func TestATaskThatABubbleGaveUpOnMayEndOutside(t *testing.T) {
	var wg timeout.WaitGroup
	wg.Add(1)
	synctest.Test(t, func(t *testing.T) {
		require.True(t, wg.WaitTimeout(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.Error(t, wg.WaitContext(ctx))
	})
	wg.Done() // closing a channel of the bubble would panic here
	wg.Wait()
}

func TestAnUncontendedRoundAllocatesNothing(t *testing.T) {
	var wg timeout.WaitGroup
	ctx := context.Background()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		wg.Add(1)
		_ = wg.WaitTimeout(0)
		wg.Done()
		wg.Wait()
		_ = wg.WaitContext(ctx)
		_ = wg.WaitTimeout(time.Second)
		_ = wg.Len()
	}))
}
