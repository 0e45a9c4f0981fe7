package graceful_test

// Every call, in any order and from anywhere: before Run, beside it, after it,
// from inside of what it runs. Nothing of that may deadlock, and Run keeps to
// its budget.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

const ordersBudget = 5 * time.Second

// orders is one manager and all that is called on it.
type orders struct {
	m      *graceful.Manager
	cancel context.CancelFunc // of Run's context
	seed   uint64

	mu     sync.Mutex
	r      *rand.Rand
	states []string
	panics map[any]int
}

func (o *orders) intN(n int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.r.IntN(n)
}

// call makes one call, whatever it is.
func (o *orders) call() {
	defer func() {
		if v := recover(); v != nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.panics[v]++
		}
	}()
	switch o.intN(12) {
	case 0:
		o.m.Stop(nil)
	case 1:
		o.m.Stop(errMade)
	case 2:
		o.cancel()
	case 3:
		o.m.Add(o.intN(3), graceful.Component{Name: fmt.Sprint("added", o.intN(1000)), Stop: func(context.Context) error { o.some(); return nil }})
	case 4:
		_, _ = o.m.Run(context.Background())
	case 5:
		o.m.Addr("c1")
	case 6, 7:
		o.m.Readyz(httptest.NewRecorder(), httptest.NewRequest("GET", "/?verbose", nil))
		o.m.Livez(httptest.NewRecorder(), nil)
	default:
		state := o.m.State()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.states = append(o.states, state)
	}
}

// some makes some calls, and takes some time for it.
func (o *orders) some() {
	for range o.intN(3) {
		o.call()
		time.Sleep(time.Duration(o.intN(300)) * time.Millisecond)
	}
}

// component is one that calls the manager wherever it can.
func (o *orders) component(name string) graceful.Component {
	c := graceful.Component{
		Name:  name,
		Start: func(context.Context) error { o.some(); return nil },
		Stop:  func(context.Context) error { o.some(); return nil },
		Cut:   o.some,
	}
	if o.intN(2) == 0 {
		c.MayEnd = o.intN(2) == 0
		c.Run = func(ctx context.Context, ready func()) error {
			o.some()
			ready()
			o.some()
			if o.intN(4) > 0 {
				<-ctx.Done()
			}
			o.some()
			return ctx.Err()
		}
	}
	return c
}

// runOrders runs one manager; it reports whether Run was called twice.
func runOrders(t *testing.T, seed uint64) (twice bool) {
	o := &orders{seed: seed, r: rand.New(rand.NewPCG(seed, 26)), panics: map[any]int{}}
	opts := quietlyWithin(ordersBudget)
	opts.OnReady = func() { o.some() }
	o.m = graceful.New(opts)
	for i := range o.intN(4) {
		o.m.Add(o.intN(3), o.component(fmt.Sprint("c", i)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.cancel = cancel
	var wg sync.WaitGroup
	for range 3 { // beside Run, from a moment before it on
		wg.Go(func() {
			for range 5 {
				o.call()
				time.Sleep(time.Duration(o.intN(700)) * time.Millisecond)
			}
		})
	}
	if o.intN(2) == 0 {
		synctest.Wait()
	}
	wg.Go(func() { // sooner or later
		time.Sleep(10 * time.Second)
		o.m.Stop(nil)
	})
	var report graceful.Report
	func() {
		defer func() {
			if v := recover(); v != nil { // somebody else was first
				require.Equal(t, "graceful: Run called twice", v)
				twice = true
			}
		}()
		report, _ = o.m.Run(ctx)
	}()
	wg.Wait()
	synctest.Wait()
	require.LessOrEqual(t, report.Took, ordersBudget, "seed %d\n%s", seed, report)
	require.Equal(t, "done", o.m.State(), "seed %d", seed)
	o.mu.Lock()
	defer o.mu.Unlock()
	for v := range o.panics {
		require.Contains(t, []any{"graceful: Run called twice", "graceful: Add after Run", "graceful: component name used twice"}, v, "seed %d", seed)
	}
	for _, state := range o.states {
		require.GreaterOrEqual(t, order(state), 0, "seed %d", seed)
	}
	return twice
}

func TestTenThousandOrdersOfCallsEndWithinTheBudget(t *testing.T) {
	var seeds []uint64
	for seed := range uint64(10_000) {
		seeds = append(seeds, seed)
	}
	twice := 0
	for part := range slices.Chunk(seeds, 100) {
		synctest.Test(t, func(t *testing.T) {
			for _, seed := range part {
				if runOrders(t, seed) {
					twice++
				}
			}
		})
	}
	require.NotZero(t, twice, "Run was never called by another first")
}

func FuzzOrders(f *testing.F) {
	f.Add(uint64(1 << 40))
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { runOrders(t, seed) })
	})
}
