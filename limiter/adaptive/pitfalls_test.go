package adaptive_test

// This file leads the limit into what limits that find themselves are known to fall
// into, in virtual time: silence, failure, leaks, pauses, few samples, and slowness
// that is no overload.

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/semaphore"
)

// town is a service behind limits, and its clients, who come at random. What is
// counted is of the time since count.
type town struct {
	limits  []limiter.Limiter // one behind the other
	workers *semaphore.Weighted
	each    time.Duration // that a request takes
	steady  bool          // exactly that; else by chance, that on average
	finish  func(limiter.Permit)
	paused  atomic.Bool
	waits   bool // clients wait in front; else they go away at once

	random                   *rand.Rand // of run and burst
	mu                       sync.Mutex
	arrived, refused, served int
	longest                  time.Duration // that one who was served took
}

func newTown(workers int64, each time.Duration, limits ...limiter.Limiter) *town {
	return &town{
		limits: limits, workers: semaphore.NewWeighted(workers), each: each,
		finish: limiter.Permit.Release, random: rand.New(rand.NewPCG(7, 7)),
	}
}

// plenty is more workers than anything here needs.
const plenty = 1 << 20

func (w *town) count() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived, w.refused, w.served, w.longest = 0, 0, 0, 0
}

// run has clients come for so long, so many a second.
func (w *town) run(lasts time.Duration, rate float64) {
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		time.Sleep(time.Duration(w.random.ExpFloat64() / rate * 1e9))
		w.burst(1)
	}
}

// burst has n come at once.
func (w *town) burst(n int) {
	for range n {
		took := w.each
		if !w.steady {
			took = time.Duration(float64(w.each) * (w.random.ExpFloat64() + w.random.ExpFloat64()) / 2)
		}
		go w.request(took, w.finish) // ends when it is served or refused
	}
}

func (w *town) request(took time.Duration, finish func(limiter.Permit)) {
	began := time.Now()
	w.note(&w.arrived, 0)
	var permits []limiter.Permit
	for _, l := range w.limits {
		get := l.TryTake
		if w.waits {
			get = func(n int64) (limiter.Permit, error) { return l.Take(context.Background(), n) }
		}
		p, err := get(1)
		if err != nil {
			w.note(&w.refused, 0)
			for _, p := range permits {
				p.Drop()
			}
			return
		}
		permits = append(permits, p)
	}
	_ = w.workers.Acquire(context.Background(), 1)
	time.Sleep(took)
	for w.paused.Load() {
		time.Sleep(time.Millisecond)
	}
	w.workers.Release(1)
	for _, p := range permits {
		finish(p)
	}
	w.note(&w.served, time.Since(began))
}

func (w *town) note(count *int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*count++
	w.longest = max(w.longest, took)
}

// seen is what came of clients.
type seen struct {
	arrived, refused, served int
	longest                  time.Duration
}

// share is the part of those who came that was refused.
func (s seen) share() float64 { return float64(s.refused) / float64(max(1, s.arrived)) }

// during returns what came of clients while they came for so long, so many a second.
func (w *town) during(lasts time.Duration, rate float64) seen {
	w.count()
	w.run(lasts, rate)
	w.mu.Lock()
	defer w.mu.Unlock()
	return seen{w.arrived, w.refused, w.served, w.longest}
}

// still has whoever is there be served.
func still() { time.Sleep(time.Minute) }

const ms = time.Millisecond

func TestABurstAfterSilencePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{Goal: 200 * ms})
		w := newTown(10, 10*ms, l)
		w.waits = true
		require.Zero(t, w.during(5*time.Second, 500).refused)
		before := l.Stats().Limit
		time.Sleep(10 * time.Minute)
		require.Equal(t, before, l.Stats().Limit, "silence says nothing")
		require.Zero(t, w.during(200*ms, 2000).refused)
		require.Less(t, w.during(5*time.Second, 500).share(), .01)
		w.burst(100)
		require.Less(t, w.during(5*time.Second, 500).share(), .01)
		require.False(t, l.State().Overloaded)
	})
}

// Where each takes long, a few that take longer by chance are a window, and may look
// like a queue.
func TestNearlyNoTrafficIsHardlyEverRefused(t *testing.T) {
	for each, most := range map[time.Duration]float64{10 * ms: 0, 200 * ms: 0, 2 * time.Second: .05} {
		synctest.Test(t, func(t *testing.T) {
			defer still()
			w := newTown(plenty, each, adaptive.New(adaptive.Options{}))
			require.LessOrEqual(t, w.during(10*time.Minute, 5).share(), most, each)
		})
	}
}

// What comes back at once, as it fails, is no sign of how much can be done.
func TestAfterAllHaveFailedTheLimitIsBackWithinASecond(t *testing.T) {
	for rate, could := range map[float64]int{500: 500, 2000: 1000} {
		for _, failsFor := range []time.Duration{time.Second, 10 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				defer still()
				l := adaptive.New(adaptive.Options{})
				w := newTown(10, 10*ms, l)
				w.during(8*time.Second, rate)
				w.each, w.finish = ms, limiter.Permit.Drop
				w.during(failsFor, rate)
				w.each, w.finish = 10*ms, limiter.Permit.Release
				w.during(time.Second, rate)
				is := w.during(2*time.Second, rate)
				require.Greater(t, is.served, 2*could*8/10, "%v a second", rate)
				require.Less(t, is.longest, 200*ms)
				if rate == 500 {
					require.Less(t, is.share(), .01)
				}
			})
		}
	}
}

func TestAFewPermitsThatAreNeverReturnedCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{})
		w := newTown(10, 10*ms, l)
		w.during(5*time.Second, 500)
		for range 2 {
			_, err := l.TryTake(1)
			require.NoError(t, err)
		}
		require.Zero(t, w.during(10*time.Second, 500).refused)
		require.Less(t, l.Stats().Limit, int64(100), "it does not run away")
		is := w.during(20*time.Second, 2000)
		require.Greater(t, is.served, 20*900)
		require.Less(t, is.longest, 200*ms)
	})
}

func TestWhenLeakedPermitsComeBackTheLimitDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{})
		w := newTown(10, 10*ms, l)
		w.during(5*time.Second, 500)
		var leaked []limiter.Permit
		for range 12 {
			if p, err := l.TryTake(1); err == nil {
				leaked = append(leaked, p)
			}
		}
		w.during(10*time.Second, 500)
		require.Less(t, l.Stats().Limit, int64(200), "it does not run away")
		for _, p := range leaked {
			p.Ignore()
		}
		w.during(2*time.Second, 500)
		require.Less(t, w.during(5*time.Second, 500).share(), .01)
		require.Greater(t, w.during(5*time.Second, 2000).served, 5*900)
	})
}

// As many leak as are in flight on average, so that a probe could leave no room for
// anybody else, and nothing would end any more.
func TestManyPermitsThatLeakDoNotLockTheLimitUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{})
		w := newTown(10, 10*ms, l)
		w.during(5*time.Second, 500)
		for range 5 {
			l.TryAcquire(1)
		}
		w.during(10*time.Second, 500)
		for range 6 {
			is := w.during(20*time.Second, 500)
			t.Logf("refused %.3f, %+v", is.share(), l.State())
			require.Less(t, is.share(), .2)
		}
	})
}

func TestFewSamplesAreEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		w := newTown(2, 100*ms, adaptive.New(adaptive.Options{}))
		require.Zero(t, w.during(20*time.Second, 10).refused)
		is := w.during(40*time.Second, 40)
		require.Greater(t, is.served, 40*20*9/10)
		require.Less(t, is.longest, 1500*ms)
		w.during(5*time.Second, 10)
		require.Zero(t, w.during(20*time.Second, 10).refused)
	})
}

// Without a goal, as many may queue as are served in four times what one takes.
func TestAServerThatPausesNowAndThenIsNotOverloaded(t *testing.T) {
	for goal, most := range map[time.Duration]float64{0: .1, 300 * ms: 0} {
		synctest.Test(t, func(t *testing.T) {
			defer still()
			l := adaptive.New(adaptive.Options{Goal: goal})
			w := newTown(10, 10*ms, l)
			w.waits = true
			for range 5 {
				before := w.during(1900*ms, 700)
				w.paused.Store(true)
				paused := w.during(100*ms, 700)
				w.paused.Store(false)
				require.LessOrEqual(t, seen{arrived: before.arrived + paused.arrived, refused: before.refused + paused.refused}.share(), most)
				require.GreaterOrEqual(t, l.Stats().Limit, int64(20))
			}
		})
	}
}

// As when the process is stopped, or its machine: nobody comes meanwhile, and what
// was in flight has taken that long when it ends.
func TestAProcessThatStoodStillWasNotOverloaded(t *testing.T) {
	for _, stop := range []time.Duration{time.Second, 50 * time.Second} {
		for _, goal := range []time.Duration{0, 200 * ms} {
			for _, rate := range []float64{500, 800} {
				synctest.Test(t, func(t *testing.T) {
					defer still()
					l := adaptive.New(adaptive.Options{Goal: goal})
					w := newTown(10, 10*ms, l)
					require.Zero(t, w.during(5*time.Second, rate).refused)
					w.paused.Store(true)
					time.Sleep(stop)
					w.paused.Store(false)
					require.Less(t, w.during(10*time.Second, rate).share(), .01, "%v a second, stopped for %v", rate, stop)
					require.False(t, l.State().Overloaded)
				})
			}
		}
	}
}

// Between two looks at it as little happens as in a process that stands still.
func TestRareRequestsAreLearnedFromAndFreeALimitOfLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{Initial: 2})
		w := newTown(10, 10*ms, l)
		w.steady = true
		w.during(time.Minute, 20)
		w.each = 30 * ms
		w.during(5*time.Minute, 1)
		require.InDelta(t, 30*ms, l.State().Latency, float64(2*ms))
		for l.TryAcquire(1) { // and never released
		}
		w.during(2*time.Minute, 10)
		require.Positive(t, l.State().Stuck)
		require.Less(t, w.during(time.Minute, 10).share(), .2)
	})
}

func TestASlowDependencyIsNotACapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{})
		w := newTown(plenty, 200*ms, l)
		w.steady = true
		w.during(5*time.Second, 25)
		for _, rate := range []float64{50, 100, 200, 400, 800, 100, 100, 400} {
			require.Zero(t, w.during(5*time.Second, rate).refused, "%v a second", rate)
			require.False(t, l.State().Overloaded)
		}
	})
}

func TestOutOfNothingALimitIsFoundInSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		w := newTown(plenty, 200*ms, adaptive.New(adaptive.Options{}))
		w.steady = true
		w.during(2*time.Second, 1000)
		require.Zero(t, w.during(5*time.Second, 1000).refused)
	})
}

func TestSlowerIsNotTakenForOverloadedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		w := newTown(100, 10*ms, adaptive.New(adaptive.Options{}))
		require.Zero(t, w.during(5*time.Second, 1000).refused)
		w.each *= 3
		require.Less(t, w.during(time.Second, 1000).share(), .1)
		require.Zero(t, w.during(5*time.Second, 1000).refused)
	})
}

func TestTwoLimitsInARowDoNotFightEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		w := newTown(10, 10*ms, adaptive.New(adaptive.Options{}), adaptive.New(adaptive.Options{}))
		require.Zero(t, w.during(5*time.Second, 500).refused)
		w.during(2*time.Second, 2000)
		is := w.during(10*time.Second, 2000)
		require.Greater(t, is.served, 10*900)
		require.Less(t, is.longest, 200*ms)
		w.during(time.Second, 500)
		require.Zero(t, w.during(5*time.Second, 500).refused)
	})
}

func TestAGoalThatCannotBeMetDoesNotStopTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{Goal: ms})
		w := newTown(10, 50*ms, l) // 200 a second
		w.during(10*time.Second, 100)
		require.Less(t, w.during(10*time.Second, 100).share(), .05)
		w.during(5*time.Second, 400)
		require.Greater(t, w.during(10*time.Second, 400).served, 10*200*9/10)
	})
}

func TestAFewThatTakeLongAndAreIgnoredChangeLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer still()
		l := adaptive.New(adaptive.Options{})
		w, long := newTown(10, 10*ms, l), newTown(plenty, 3*time.Second, l)
		long.finish = limiter.Permit.Ignore
		for range 20 {
			require.Zero(t, w.during(time.Second, 500).refused)
			long.burst(1)
		}
		require.InDelta(t, .01, l.State().Base.Seconds(), .005)
	})
}
