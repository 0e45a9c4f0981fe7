package timeout_test

// This file holds the tests of what a Watchdog is to its surroundings: bubbles,
// goroutines, memory and copies.

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/overlay"
	"github.com/belay-go/belay/timeout"
)

func TestADogMayBeStartedInABubbleOutsideAndInTheNext(t *testing.T) {
	fired := make(chan struct{}, 1) // of the outside
	var w timeout.Watchdog
	inside := func(t *testing.T) {
		fires := 0
		w.Idle, w.Func = time.Hour, func() { fires++ }
		w.Start()
		w.Begin()
		w.Touch()
		w.End()
		require.True(t, w.Stop())
		w.Touch()
		w.Start()
		w.Touch()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.Equal(t, 1, fires)
		require.False(t, w.Stop())
	}
	outside := func() {
		w.Idle, w.Func = time.Hour, func() {}
		w.Start()
		w.Begin()
		w.Touch()
		w.End()
		require.True(t, w.Stop())
		w.Touch()
		w.Idle, w.Func = time.Microsecond, func() { fired <- struct{}{} }
		w.Start()
		<-fired
		require.False(t, w.Stop())
	}
	synctest.Test(t, inside)
	outside()
	synctest.Test(t, inside)
	outside()
}

// elsewhere runs functions outside of the bubble that asks for it.
type elsewhere struct{ in, out chan func() }

func outsideOf(t *testing.T) elsewhere {
	e := elsewhere{make(chan func()), make(chan func())}
	go func() { // ends with the test
		for f := range e.in {
			f()
			e.out <- f
		}
	}()
	t.Cleanup(func() { close(e.in) })
	return e
}

func (e elsewhere) do(f func()) {
	e.in <- f
	<-e.out
}

func TestAnEventFromOutsideOfTheBubbleCounts(t *testing.T) {
	outside := outsideOf(t)
	events := map[string]func(k *kept){
		"a touch": (*kept).touch,
		"a call":  func(k *kept) { k.Begin(); k.End() },
	}
	for name, event := range events {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(time.Second)
				k.Start()
				time.Sleep(time.Second / 2)
				outside.do(func() { event(k) })
				last := time.Since(k.made)
				time.Sleep(time.Hour)
				fires := k.fired()
				require.Len(t, fires, 1)
				require.GreaterOrEqual(t, fires[0], last+k.Idle)
				require.LessOrEqual(t, fires[0], last+2*k.Idle)

				k.Start()
				k.Begin()
				time.Sleep(time.Hour)
				outside.do(k.End)
				last = time.Since(k.made)
				require.Len(t, k.fired(), 1)
				time.Sleep(time.Hour)
				require.Len(t, k.fired(), 2)
				require.GreaterOrEqual(t, k.fired()[1], last+k.Idle)
				require.LessOrEqual(t, k.fired()[1], last+2*k.Idle)

				k.Start()
				stopped := false
				outside.do(func() { stopped = k.Stop() })
				require.True(t, stopped)
				time.Sleep(time.Hour)
				require.Len(t, k.fired(), 2)
			})
		})
	}
}

func (k *kept) touch() { k.Touch() }

func TestABubbleMayTouchADogOfTheOutside(t *testing.T) {
	fired := make(chan struct{}, 1)
	w := timeout.Watchdog{Idle: time.Millisecond, Func: func() { fired <- struct{}{} }}
	w.Begin()
	w.Start()
	synctest.Test(t, func(t *testing.T) {
		for range 10 {
			w.Touch()
			w.Begin()
			w.End()
			time.Sleep(time.Hour)
		}
		w.End()
	})
	<-fired // although the last events came from the bubble
}

func TestAWatchThatItsBubbleHasLeftIsOverAndNotFatal(t *testing.T) {
	var w timeout.Watchdog
	left := func(t *testing.T) {
		w.Idle, w.Func = time.Hour, func() { panic("fired") }
		w.Start()
	}
	synctest.Test(t, left)
	w.Touch()
	w.Begin()
	w.End()
	require.True(t, w.Stop())
	synctest.Test(t, left)
	w.Start() // its own
	require.True(t, w.Stop())
	synctest.Test(t, left)
	synctest.Test(t, left)
	synctest.Test(t, func(t *testing.T) {
		w.Touch()
		require.True(t, w.Stop())
	})
}

func TestManyWatchesThatWereStoppedLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w timeout.Watchdog
		w.Idle, w.Func = 1000*time.Hour, func() {}
		startAndStop := func(n int) {
			for i := range n {
				w.Start()
				w.Touch()
				if i%2 == 0 { // otherwise the next Start does
					require.True(t, w.Stop())
				}
				time.Sleep(1)
			}
			require.True(t, w.Stop() || n%2 == 1)
		}
		startAndStop(100)
		before, goroutines := heapInUse(), runtime.NumGoroutine()
		startAndStop(5000)
		require.Less(t, runtime.NumGoroutine(), goroutines+100)
		require.Less(t, heapInUse(), before+100<<10)
	})
}

// created returns how many goroutines the process has started so far.
func created() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestADogSleepsAsLongAsItCan(t *testing.T) {
	const (
		dogs      = 200
		idles     = 10
		strangers = 100
	)
	synctest.Test(t, func(t *testing.T) {
		looks := func(start, meanwhile func(*timeout.Watchdog)) (perIdle float64) {
			var all [dogs]timeout.Watchdog
			goroutines := runtime.NumGoroutine()
			for i := range all {
				all[i].Idle, all[i].Func = time.Second, func() {}
				start(&all[i])
			}
			before := created()
			for range idles * 100 {
				time.Sleep(time.Second / 100)
				for i := range all {
					meanwhile(&all[i])
				}
			}
			synctest.Wait()
			perIdle = (float64(created()-before) - strangers) / dogs / idles
			require.Less(t, runtime.NumGoroutine(), goroutines+strangers, "none between looks")
			for i := range all {
				all[i].Stop()
			}
			return perIdle
		}
		require.LessOrEqual(t, looks((*timeout.Watchdog).Start, func(*timeout.Watchdog) {}), 1/10., "the fire")
		require.LessOrEqual(t, looks(func(w *timeout.Watchdog) { w.Begin(); w.Start() }, func(*timeout.Watchdog) {}), 1., "in a call")
		require.LessOrEqual(t, looks((*timeout.Watchdog).Start, (*timeout.Watchdog).Touch), 16., "busy")
	})
}

func TestNoEventAllocates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		k.Start()
		require.Zero(t, testing.AllocsPerRun(1000, k.Touch))
		require.Zero(t, testing.AllocsPerRun(1000, func() { k.Begin(); k.End() }))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			time.Sleep(time.Second / 10) // so that the touch finds the dog quiet
			k.Touch()
		}))
		require.True(t, k.Stop())
	})
}

func TestWhatWasWrittenBeforeACallEndedIsVisibleToFunc(t *testing.T) {
	// The race detector is what judges here.
	synctest.Test(t, func(t *testing.T) {
		written, seen := 0, 0
		w := timeout.Watchdog{Idle: time.Second, Func: func() { seen += written }}
		for i := range 10 {
			written = i
			w.Start()
			for range 2 {
				time.Sleep(time.Second / 2)
				w.Begin()
				written++
				w.End()
			}
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		require.Equal(t, 45+20, seen)
	})
}

func TestGoVetReportsACopyOfAWatchdogOrTicker(t *testing.T) {
	out, err := overlay.Go(t, map[string]string{
		"copied.go": "package timeout\n\nfunc stopACopy(w Watchdog) { w.Stop() }\n\nfunc askACopy(t Ticker) { t.Dropped() }\n",
	}, "vet", "-copylocks", ".")
	require.Error(t, err)
	require.Contains(t, out, "stopACopy passes lock by value")
	require.Contains(t, out, "askACopy passes lock by value")
}
