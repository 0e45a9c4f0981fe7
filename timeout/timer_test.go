package timeout_test

// This file holds the tests of Timer that a random program does not reach: races
// of real goroutines, the channel, calls from inside of Func, and borders.

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

func TestEveryArmingEndsOnceAndIsAccountedFor(t *testing.T) {
	var fired atomic.Int64
	var both atomic.Int32
	overlap := false
	timer := timeout.Timer{Func: func() {
		if both.Add(1) > 1 {
			overlap = true
		}
		fired.Add(1)
		both.Add(-1)
	}}
	var armed, stopped, replaced atomic.Int64
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { // ends with its calls
			for n := range 20_000 {
				switch (n + i) % 7 {
				case 0, 1, 2, 3:
					armed.Add(1)
					if timer.Reset(time.Duration(n%5)*time.Microsecond) == timeout.Replaced {
						replaced.Add(1)
					}
				case 4:
					timer.Extend(time.Microsecond)
				case 5:
					timer.Shrink(0)
				case 6:
					// A second Stop tells the ending of the same arming, so only an
					// exclusive owner could count those that it has stopped.
					runtime.Gosched()
				}
			}
		})
	}
	all.Wait()
	if timer.StopWait() == timeout.Stopped {
		stopped.Add(1)
	}
	require.False(t, overlap)
	require.Equal(t, armed.Load(), fired.Load()+stopped.Load()+replaced.Load())
}

func TestAResetThatRacesTheFireFiresOncePerArming(t *testing.T) {
	fired := 0
	timer := timeout.Timer{Func: func() { fired++ }}
	armed, replaced, stopped := 0, 0, 0
	count := func(e timeout.Ending) {
		switch e {
		case timeout.Replaced:
			replaced++
		case timeout.Stopped:
			stopped++
		}
	}
	for n := range 50_000 {
		if armed++; timer.Reset(time.Duration(n%3)) == timeout.Replaced {
			replaced++
		}
		for range n % 4 {
			runtime.Gosched()
		}
		if n%5 == 0 {
			count(timer.StopWait())
		}
		if n%5 == 0 {
			require.Equal(t, armed, fired+replaced+stopped, "round %d", n)
			armed++ // so that the next ending is of an arming of its own
			timer.Reset(0)
		}
	}
	count(timer.StopWait())
	require.Equal(t, armed, fired+replaced+stopped)
}

func TestAFireAtOnceThatIsOnItsWayCanBeMoved(t *testing.T) {
	// With one processor nothing that is started runs before somebody waits.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for name, start := range map[string]func(timer *timeout.Timer){
		"Reset":  func(timer *timeout.Timer) { timer.Reset(0) },
		"Shrink": func(timer *timeout.Timer) { timer.Reset(time.Hour); timer.Shrink(0) },
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var at []time.Duration
			timer := timeout.Timer{Func: func() { at = append(at, time.Since(began)) }}
			start(&timer)
			require.True(t, timer.Extend(time.Second), name)
			require.Equal(t, timeout.Replaced, timer.Reset(2*time.Second), name)
			start(&timer)
			require.Equal(t, timeout.Stopped, timer.Stop(), name)
			start(&timer)
			require.True(t, timer.Extend(time.Second), name)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, []time.Duration{time.Second}, at, name)
		})
	}
}

func TestAStopFromInsideOfAFuncDoesNotWaitForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var own, other timeout.Timer
		var endings []timeout.Ending
		deep := func(f func()) { f() }
		own.Func = func() {
			other.Reset(0)
			time.Sleep(time.Second)
			deep(func() { endings = append(endings, own.StopWait()) })
			deep(func() { endings = append(endings, other.StopWait()) }) // and it waits for us
		}
		other.Func = func() {
			time.Sleep(2 * time.Second)
			own.StopWait()
		}
		own.Reset(time.Second)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []timeout.Ending{timeout.Fired, timeout.Fired}, endings)
	})
}

func TestAFuncMayArmItsOwnTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var timer timeout.Timer
		var at []time.Duration
		began := time.Now()
		timer.Func = func() {
			if at = append(at, time.Since(began)); len(at) < 3 {
				require.Equal(t, timeout.Fired, timer.Reset(time.Second))
			}
		}
		timer.Reset(time.Second)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, at)
	})
}

func TestAFuncThatLeavesByGoexitHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		timer := timeout.Timer{Func: func() { calls++; time.Sleep(time.Second); runtime.Goexit() }}
		timer.Reset(0)
		time.Sleep(time.Millisecond)
		timer.Reset(0) // is due while Func runs
		began := time.Now()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 2, calls)
		require.Equal(t, timeout.Fired, timer.StopWait())
		require.Equal(t, 2*time.Second-time.Millisecond, time.Since(began))
		require.Equal(t, 2, calls)
	})
}

func TestAStopWaitWaitsForTheCallThatIsAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer := timeout.Timer{Func: func() { time.Sleep(time.Second) }}
		timer.Reset(0)
		synctest.Wait()
		began := time.Now()
		waited := make(chan time.Duration, 1)
		go func() { timer.StopWait(); waited <- time.Since(began) }() // ends with the first call
		synctest.Wait()
		timer.Reset(0) // a second call follows at once
		require.Equal(t, time.Second, <-waited)
		timer.StopWait()
	})
}

func TestATimerSaysHowTheLastArmingEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer := timeout.Timer{Func: func() {}}
		require.Equal(t, timeout.Stopped, timer.Stop(), "never armed")
		require.False(t, timer.Extend(time.Second))
		require.False(t, timer.Shrink(0))
		require.Equal(t, timeout.Stopped, timer.Reset(time.Second))
		require.Equal(t, timeout.Replaced, timer.Reset(time.Second))
		time.Sleep(2 * time.Second)
		require.Equal(t, timeout.Fired, timer.Stop())
		require.Equal(t, timeout.Fired, timer.Stop(), "nothing has been armed since")
		require.False(t, timer.Extend(time.Second))
		require.Equal(t, timeout.Fired, timer.Reset(time.Second))
		require.Equal(t, timeout.Stopped, timer.Stop())
		require.Equal(t, timeout.Stopped, timer.Reset(time.Second))
		timer.Stop()
	})
	require.Equal(t, "stopped", timeout.Stopped.String())
	require.Equal(t, "fired", timeout.Fired.String())
	require.Equal(t, "replaced", timeout.Replaced.String())
	require.Equal(t, "unknown ending", timeout.Ending(77).String())
}

func received(c <-chan time.Time) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestNoTimeOnTheChannelIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var timer timeout.Timer
		c := timer.C()
		expire := func() {
			timer.Reset(time.Second)
			time.Sleep(2 * time.Second)
		}
		expire()
		require.Equal(t, timeout.Replaced, timer.Reset(time.Hour), "nobody has seen it fire")
		require.False(t, received(c))
		expire()
		require.Equal(t, timeout.Stopped, timer.Stop())
		require.False(t, received(c))
		expire()
		require.True(t, timer.Shrink(0))
		require.True(t, timer.Extend(0))
		require.True(t, timer.Extend(time.Second))
		require.False(t, received(c))
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, received(c))
		require.False(t, timer.Extend(time.Second))
		require.False(t, timer.Shrink(0))
		require.Equal(t, timeout.Fired, timer.Stop())
		require.Equal(t, timeout.Fired, timer.Reset(0))
		synctest.Wait()
		require.True(t, received(c))
	})
}

func TestAChannelGetsTheTimeAlsoIfNobodyHadAskedForItYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var timer timeout.Timer
		began := time.Now()
		timer.Reset(time.Second)
		time.Sleep(time.Hour)
		require.Equal(t, began.Add(time.Second), <-timer.C())
	})
}

func TestATurnOfASelectAllocatesNothing(t *testing.T) {
	var timer timeout.Timer
	timer.Reset(time.Hour)
	timer.C()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		timer.Reset(time.Hour)
		timer.Extend(time.Hour)
		require.False(t, received(timer.C()))
		timer.Stop()
	}))
}

func TestTheChannelOfATimerWithAFuncPanics(t *testing.T) {
	timer := timeout.Timer{Func: func() {}}
	require.PanicsWithValue(t, "timeout: C of a Timer with a Func", func() { timer.C() })
	require.Equal(t, timeout.Stopped, timer.Stop())
}

func TestTheLongestTimesNeverPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fired := false
		timer := timeout.Timer{Func: func() { fired = true }}
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 290 * 365 * 24 * time.Hour} {
			timer.Reset(d)
			timer.Reset(d)
			timer.Extend(d)
			timer.Shrink(d)
			time.Sleep(24 * time.Hour)
			require.False(t, fired)
		}
		timer.Reset(time.Second)
		timer.Extend(math.MaxInt64)
		time.Sleep(24 * time.Hour)
		require.False(t, fired)
		timer.Shrink(math.MinInt64)
		synctest.Wait()
		require.True(t, fired)
	})
}

func TestATimerOfABubbleWorksOutsideAndInTheNext(t *testing.T) {
	var fired atomic.Int32
	timer := timeout.Timer{Func: func() { fired.Add(1) }}
	bubble := func(t *testing.T) {
		fired.Store(0)
		timer.Reset(time.Hour)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 1, fired.Load())
		timer.Reset(3 * time.Hour)
		timer.Shrink(time.Hour)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 2, fired.Load())
		timer.Reset(time.Hour)
		timer.Shrink(time.Minute)
		require.Equal(t, timeout.Stopped, timer.StopWait())
	}
	outside := func() {
		fired.Store(0)
		timer.Reset(time.Hour)
		timer.Shrink(time.Minute)
		require.Equal(t, timeout.Stopped, timer.StopWait())
		timer.Reset(time.Nanosecond)
		for fired.Load() == 0 { // bounded by the test's own limit
			runtime.Gosched()
		}
	}
	synctest.Test(t, bubble)
	synctest.Test(t, bubble)
	outside()
	synctest.Test(t, bubble)
	outside()
}

func TestAStoppedTimerLeavesNothing(t *testing.T) {
	before := heapInUse()
	for range 1000 {
		big := make([]byte, 64<<10)
		timer := timeout.Timer{Func: func() { big[0]++ }}
		timer.Reset(time.Hour)
		timer.Extend(2 * time.Hour)
		timer.Shrink(time.Minute)
		timer.Stop()
	}
	require.Less(t, heapInUse(), before+8<<20)
}

func TestAFireAtOnceThatWasReplacedByATimerIsNoSecondFire(t *testing.T) {
	// In a bubble, what is started at once runs before the clock moves.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	overtake := func(timer *timeout.Timer) {
		timer.Reset(time.Hour)
		timer.Shrink(0)
		timer.Extend(time.Hour)
		timer.Shrink(time.Nanosecond)
		for range 100 {
			runtime.Gosched()
		}
	}
	for range 100 {
		var fired atomic.Int32
		timer := timeout.Timer{Func: func() { fired.Add(1) }}
		overtake(&timer)
		timer.StopWait()
		require.EqualValues(t, 1, fired.Load())

		var channel timeout.Timer
		overtake(&channel)
		<-channel.C()
		require.Equal(t, timeout.Fired, channel.Stop())
		require.False(t, received(channel.C()))
	}
}
