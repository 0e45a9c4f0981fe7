package explore_test

// This file checks the explorer itself: that it finds what needs so many
// preemptions, with these and not with fewer, and that it visits every schedule.

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/explore"
	"github.com/belay-go/belay/internal/explore/shim/atomic"
	"github.com/belay-go/belay/internal/explore/shim/sync"
)

// lostUpdate reads and writes without a swap.
func lostUpdate() explore.Program {
	var n atomic.Int64
	add := func() { n.Store(n.Load() + 1) }
	return explore.Program{Goroutines: []func(){add, add}, Check: func() error {
		if n.Load() != 2 {
			return errors.New("an update was lost")
		}
		return nil
	}}
}

func TestALostUpdateNeedsAPreemptionAndIsFoundWithOne(t *testing.T) {
	require.Empty(t, explore.Search(lostUpdate, 0, 0).Failure)
	r := explore.Search(lostUpdate, 1, 0)
	require.Equal(t, "an update was lost", r.Failure)
	require.Contains(t, r.Trace, "explore_test.go:")
	failure, _ := explore.Replay(lostUpdate, 1, r.Replay)
	require.Equal(t, r.Failure, failure)
}

// abba locks two locks in both orders.
func abba() explore.Program {
	var a, b sync.Mutex
	both := func(x, y *sync.Mutex) func() {
		//lint:ignore SA2001 the locks are all that there is
		return func() { x.Lock(); y.Lock(); y.Unlock(); x.Unlock() }
	}
	return explore.Program{Goroutines: []func(){both(&a, &b), both(&b, &a)}}
}

func TestADeadlockIsFoundAndSaysWhoWaitsWhere(t *testing.T) {
	require.Empty(t, explore.Search(abba, 0, 0).Failure)
	r := explore.Search(abba, 1, 0)
	require.Contains(t, r.Failure, "nobody can go on")
	require.Contains(t, r.Failure, "goroutine 1 waits: Lock explore_test.go:")
	require.Contains(t, r.Failure, "goroutine 2 waits: Lock explore_test.go:")
}

// Goroutines of n steps each have (2n)!/(n!n!) orders, all of which there are if
// there may be as many preemptions as steps.
func TestEveryOrderIsRunOnce(t *testing.T) {
	for n, orders := range map[int]int{1: 2, 2: 6, 3: 20, 4: 70} {
		seen := map[string]int{}
		fresh := func() explore.Program {
			order := ""
			steps := func(name string) func() {
				return func() {
					for range n {
						explore.Step("step")
						order += name
					}
				}
			}
			return explore.Program{Goroutines: []func(){steps("a"), steps("b")}, Check: func() error {
				seen[order]++
				return nil
			}}
		}
		explore.Search(fresh, 2*n, 0)
		require.Len(t, seen, orders)
	}
}

func TestASelectTakesEachCaseThatIsReady(t *testing.T) {
	seen := map[int]int{}
	r := explore.Search(func() explore.Program {
		a, b := make(chan int, 1), make(chan int, 1)
		return explore.Program{Goroutines: []func(){func() {
			explore.Send(a, 1)
			explore.Send(b, 1)
			seen[explore.Select(false, explore.R(a), explore.R(b), explore.S(a))]++
		}}}
	}, 0, 0)
	require.Empty(t, r.Failure)
	require.Equal(t, map[int]int{0: 1, 1: 1}, seen)
}

func TestWhatHasNoEndAndWhatPanicsFails(t *testing.T) {
	r := explore.Search(func() explore.Program {
		return explore.Program{Goroutines: []func(){func() {
			for {
				explore.Gosched()
			}
		}}}
	}, 0, 0)
	require.Contains(t, r.Failure, "no end")
	r = explore.Search(func() explore.Program {
		return explore.Program{Goroutines: []func(){func() { panic(fmt.Errorf("planted")) }}}
	}, 0, 0)
	require.Contains(t, r.Failure, "panic: planted")
}

func TestWhoStepsAsideLetsOthersGoOnWithoutAPreemption(t *testing.T) {
	r := explore.Search(func() explore.Program {
		var flag atomic.Bool
		return explore.Program{Goroutines: []func(){
			func() {
				for !flag.Load() {
					explore.Gosched()
				}
			},
			func() { flag.Store(true) },
		}}
	}, 2, 0)
	require.Empty(t, r.Failure)
	require.False(t, r.Cut)
}
