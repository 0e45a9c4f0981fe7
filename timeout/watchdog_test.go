package timeout_test

// This file holds the tests of when a Watchdog calls Func, and of what keeps it
// from that.

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// kept is a Watchdog that writes down when it was called, since it was made.
type kept struct {
	timeout.Watchdog
	made time.Time

	mu    sync.Mutex
	fires []time.Duration
}

func keep(idle time.Duration) *kept {
	k := &kept{made: time.Now()}
	k.Idle = idle
	k.Func = k.note
	return k
}

func (k *kept) note() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fires = append(k.fires, time.Since(k.made))
}

// fired returns the moments at which Func was called up to now.
func (k *kept) fired() []time.Duration {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fires
}

// firedOnce sees that Func was called once, Idle after the last event, or up to
// Idle/16 later.
func (k *kept) firedOnce(t *testing.T, last time.Duration) {
	t.Helper()
	fires := k.fired()
	require.Len(t, fires, 1)
	require.GreaterOrEqual(t, fires[0], last+k.Idle, "early")
	require.LessOrEqual(t, fires[0], last+k.Idle+max(k.Idle/16, 1), "late")
}

func TestWithoutAnyEventTheDogBarksWhenIdleIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		k.Start()
		time.Sleep(time.Hour)
		require.Equal(t, []time.Duration{time.Second}, k.fired(), "once, and not a moment later")
	})
}

func TestATouchKeepsTheDogQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, pause := range []time.Duration{time.Millisecond, 62500 * time.Microsecond, 100 * time.Millisecond, 999 * time.Millisecond} {
			k := keep(time.Second)
			k.Start()
			for range 100 {
				time.Sleep(pause)
				k.Touch()
			}
			require.Empty(t, k.fired())
			time.Sleep(time.Hour)
			k.firedOnce(t, 100*pause)
		}
	})
}

func TestAtAnyMomentATouchGivesAWholeIdleAndASixteenthAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			k := keep(time.Duration(1 + random.Int64N(int64(time.Hour))))
			k.Start()
			last := time.Duration(0)
			for range random.IntN(20) {
				time.Sleep(time.Duration(random.Int64N(int64(k.Idle))))
				k.Touch()
				last = time.Since(k.made)
			}
			time.Sleep(2 * k.Idle)
			k.firedOnce(t, last)
		}
	})
}

func TestAnEventAtTheVeryMomentOfALookIsNotLost(t *testing.T) {
	const idle = 1600
	events := map[string]func(*kept){
		"a touch":        func(k *kept) { k.Touch() },
		"a call":         func(k *kept) { k.Begin(); k.End() },
		"the last calls": func(k *kept) { k.Begin(); k.Begin(); k.End(); k.End() },
	}
	for name, event := range events {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 500 {
					k := keep(idle)
					k.Start()
					var touching sync.WaitGroup
					for range 2 {
						touching.Go(func() { // ends after its two events
							time.Sleep(100) // which is seen at 200
							k.Touch()
							time.Sleep(100)
							event(k)
						})
					}
					touching.Wait()
					time.Sleep(time.Hour)
					k.firedOnce(t, 200)
				}
			})
		})
	}
}

func TestAnEventAtTheMomentOfTheFireComesBeforeOrAfterIt(t *testing.T) {
	for _, idle := range []time.Duration{1600, 10} {
		synctest.Test(t, func(t *testing.T) {
			for range 1000 {
				k := keep(idle)
				k.Start()
				var racing sync.WaitGroup
				racing.Go(func() { time.Sleep(idle); k.Touch() })
				racing.Go(func() { time.Sleep(idle); k.Begin(); k.End() })
				racing.Wait()
				time.Sleep(time.Hour)
				if fires := k.fired(); len(fires) != 1 || fires[0] != idle {
					k.firedOnce(t, idle)
				}
				require.False(t, k.Stop())
			}
		})
	}
}

func TestTheEndOfTheLastCallAtTheMomentOfALookIsInTime(t *testing.T) {
	for _, idle := range []time.Duration{1600, 10} {
		synctest.Test(t, func(t *testing.T) {
			for range 500 {
				var dogs [16]*kept
				var calls sync.WaitGroup
				for i := range dogs {
					dogs[i] = keep(idle)
					dogs[i].Begin()
					dogs[i].Start()
					calls.Go(func() {
						time.Sleep(idle) // somebody looks now, and finds a call, or its end
						dogs[i].End()
					})
				}
				calls.Wait()
				time.Sleep(time.Hour)
				for _, k := range dogs {
					k.firedOnce(t, idle)
				}
			}
		})
	}
}

func TestATimerThatFiresTwiceIsNotTakenForTheEndOfIdle(t *testing.T) {
	// The time is real, for a bubble's stands still while anybody is on the way.
	// That Func is not early holds however slow the machine is.
	const idle = 16 * time.Microsecond // so that the look that End asks for comes soon after the other
	fired := make(chan time.Time, 1)
	w := timeout.Watchdog{Idle: idle, Func: func() { fired <- time.Now() }}
	for i := range 500 {
		w.Begin()
		w.Start()
		for began := time.Now(); time.Since(began) < idle-time.Duration(i%8)*time.Microsecond; {
		}
		ended := time.Now()
		w.End()
		require.GreaterOrEqual(t, (<-fired).Sub(ended), idle)
	}
}

func TestNoCallInFlightIsEverInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Minute)
		k.Begin() // before the watch: it counts all the same
		k.Start()
		time.Sleep(10*time.Hour + time.Second)
		k.Begin() // they overlap
		k.End()
		time.Sleep(10 * time.Hour)
		require.Empty(t, k.fired())
		k.End()
		end := time.Since(k.made)
		time.Sleep(time.Minute - 1)
		require.Empty(t, k.fired(), "the end of a call is an event")
		time.Sleep(time.Hour)
		k.firedOnce(t, end)
	})
}

func TestACallThatBeginsAtTheMomentOfTheFireIsSeenOrTooLate(t *testing.T) {
	const idle = 1600
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			k := keep(idle)
			k.Start()
			time.Sleep(idle)
			k.Begin()
			time.Sleep(10 * idle)
			if fires := k.fired(); len(fires) == 0 {
				k.End()
				end := time.Since(k.made)
				time.Sleep(time.Hour)
				k.firedOnce(t, end)
			} else {
				require.Equal(t, []time.Duration{idle}, fires)
				k.End()
			}
		}
	})
}

func TestAStopIsExact(t *testing.T) {
	const idle = 1600
	synctest.Test(t, func(t *testing.T) {
		for i := range 1000 {
			k := keep(idle)
			require.False(t, k.Stop(), "there was no watch")
			k.Start()
			var stops atomic.Int32
			var racing sync.WaitGroup
			for range 2 {
				racing.Go(func() {
					time.Sleep(idle - time.Duration(i%2)) // at the moment of the fire, or before
					if k.Stop() {
						stops.Add(1)
					}
				})
			}
			racing.Wait()
			time.Sleep(time.Hour)
			require.EqualValues(t, 1, int(stops.Load())+len(k.fired()), "stopped by one of them, or fired")
			if i%2 == 1 {
				require.Empty(t, k.fired())
			}
		}
	})
}

func TestATouchOfADogAtRestDoesNotWakeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		touch := func() {
			for range 3 {
				k.Touch()
				k.Begin()
				k.End()
				time.Sleep(time.Hour)
			}
		}
		touch()
		require.Empty(t, k.fired(), "never started")
		k.Start()
		require.True(t, k.Stop())
		touch()
		require.Empty(t, k.fired(), "stopped")
		k.Start()
		time.Sleep(time.Second)
		require.Len(t, k.fired(), 1)
		touch()
		require.Len(t, k.fired(), 1, "fired")
	})
}

func TestATouchThatMeetsAStopDoesNotWakeTheDog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			k := keep(time.Second)
			k.Start()
			var racing sync.WaitGroup
			racing.Go(k.Touch)
			racing.Go(func() { k.Begin(); k.End() })
			require.True(t, k.Stop())
			racing.Wait()
			time.Sleep(time.Hour)
			require.Empty(t, k.fired())
		}
	})
}

func TestADogMayBeStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		k.Start()
		time.Sleep(time.Second)
		require.Len(t, k.fired(), 1)
		k.Start() // after a fire, at 1 s
		time.Sleep(time.Second / 2)
		k.Start() // while it watches
		time.Sleep(3 * time.Second / 4)
		require.True(t, k.Stop(), "the watch of before ended with the new one")
		time.Sleep(time.Hour)
		require.Len(t, k.fired(), 1)
		k.Start() // after a Stop
		began := time.Since(k.made)
		k.Idle = time.Minute // is for the next
		k.Touch()
		time.Sleep(time.Hour)
		require.Len(t, k.fired(), 2)
		require.Equal(t, began+time.Second+time.Second/16, k.fired()[1])
		began = time.Since(k.made)
		k.Start()
		time.Sleep(time.Hour)
		require.Equal(t, began+time.Minute, k.fired()[2])
	})
}

func TestADogThatIsStartedByItsFuncBarksAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		stopped := true
		k.Func = func() {
			k.note()
			stopped = k.Stop() // this one is over
			k.Start()
			time.Sleep(time.Minute + time.Second/2)
		}
		k.Start()
		time.Sleep(3*time.Minute + time.Second/2)
		// Idle counts from the return, which is an event.
		const again = time.Minute + time.Second/2 + time.Second + time.Second/16
		require.Equal(t, []time.Duration{time.Second, time.Second + again, time.Second + 2*again}, k.fired())
		require.False(t, stopped)
		require.True(t, k.Stop(), "the watch that Func has started")
		time.Sleep(time.Hour)
		require.Len(t, k.fired(), 3)
	})
}

func TestThereAreNeverTwoFuncsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, overlaps, calls atomic.Int32
		w := timeout.Watchdog{Idle: time.Second, Func: func() {
			if now.Add(1) > 1 {
				overlaps.Add(1)
			}
			calls.Add(1)
			time.Sleep(time.Minute)
			now.Add(-1)
		}}
		w.Start()
		for range 100 {
			time.Sleep(10 * time.Second)
			w.Start()
		}
		time.Sleep(time.Hour)
		require.Zero(t, overlaps.Load())
		require.Greater(t, calls.Load(), int32(10))
	})
}

func TestAFuncThatLeavesByGoexitIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		k.Func = func() { k.note(); runtime.Goexit() }
		for range 3 {
			k.Start()
			time.Sleep(time.Minute)
		}
		require.Len(t, k.fired(), 3)
	})
}

func TestAPanicInFuncCrashesTheProcess(t *testing.T) {
	const child = "TIMEOUT_TEST_WATCHDOG_PANIC"
	if os.Getenv(child) != "" {
		w := timeout.Watchdog{Idle: 1, Func: plantedPanic}
		w.Start()
		select {}
	}
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.Error(t, cmd.Run(), "the process ended as if nothing had happened")
	require.Contains(t, stderr.String(), "panic: planted")
	require.Contains(t, stderr.String(), "plantedPanic", "the stack of Func is part of the crash")
}

func TestTheShortestIdleIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for idle := time.Duration(1); idle < 50; idle++ {
			k := keep(idle)
			k.Start()
			for range 100 {
				time.Sleep(idle - 1)
				k.Touch()
			}
			last := time.Since(k.made)
			time.Sleep(time.Second)
			k.firedOnce(t, last)
		}
	})
}

func TestTheLongestIdleIsNeverOver(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	for _, idle := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1} {
		never := func(t *testing.T, pass func()) {
			k := keep(idle)
			k.Start()
			k.Touch()
			pass()
			k.Begin()
			k.End()
			require.Empty(t, k.fires)
			require.True(t, k.Stop())
		}
		synctest.Test(t, func(t *testing.T) {
			never(t, func() { time.Sleep(century); synctest.Wait() })
		})
		never(t, func() {})
	}
}

func TestAnIdleThatIsNotPositivePanicsAndTheWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(time.Second)
		k.Start()
		for _, idle := range []time.Duration{0, -1, math.MinInt64} {
			k.Idle = idle
			require.PanicsWithValue(t, "timeout: Watchdog with an Idle that is not positive", k.Start)
		}
		k.Idle, k.Func = time.Second, nil
		require.PanicsWithValue(t, "timeout: Watchdog without a Func", k.Start)
		time.Sleep(time.Second)
		require.Len(t, k.fired(), 1)
	})
}

func TestAnEndWithoutABeginPanicsAndTheWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const text = "timeout: End without Begin"
		var w timeout.Watchdog
		require.PanicsWithValue(t, text, w.End, "at rest")

		k := keep(time.Second)
		k.Func = func() { k.note(); time.Sleep(time.Minute) }
		k.Start()
		require.PanicsWithValue(t, text, k.End, "in a watch")
		k.Begin()
		k.End()
		require.PanicsWithValue(t, text, k.End, "once too often")
		time.Sleep(2 * time.Second)
		require.Len(t, k.fired(), 1)
		require.PanicsWithValue(t, text, k.End, "the running Func is no call of the user's")
		k.Start()
		require.PanicsWithValue(t, text, k.End, "nor is it in the next watch")
		time.Sleep(2 * time.Minute)
		require.Len(t, k.fired(), 2)
		time.Sleep(time.Minute)
	})
}
