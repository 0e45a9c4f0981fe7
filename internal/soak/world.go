package main

// This file is what the acts share, and the account at the end.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/pool"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
	"github.com/belay-go/belay/timeout"
)

// errPlanted is what a planted panic has, and a planted error.
var errPlanted = errors.New("planted")

const (
	units = 8   // of a semaphore
	keys  = 200 // that are used; there is room for fewer
	conns = 6   // of a pool
)

type world struct {
	echo *echo

	sem     *semaphore.Weighted
	shared  *semaphore.Weighted // of errgroups
	adapt   *adaptive.Limiter
	keySem  *keyed.Semaphore[int]
	keyRate *keyed.Rate[int]
	bucket  *rate.Limiter
	abroad  *rate.Limiter // with times that step
	pool    *pool.Pool[net.Conn]
	watched *limiter.Watched
	all     *limiter.Composite
	group   *errgroup.Group // that is never new
	tasks   timeout.WaitGroup
	late    timeout.Runner

	inSem, inGroup atomic.Int64
	inKey          [keys]atomic.Int64

	acts                            atomic.Int64
	panics, exits, cancels, sockets atomic.Int64
	answered                        atomic.Int64 // requests to services

	once   sync.Once
	broken chan struct{} // closed at the first failure
	mu     struct {
		sync.Mutex
		failures []string
	}
}

func newWorld() *world {
	w := &world{
		echo:    newEcho(),
		sem:     semaphore.New(semaphore.Options{Size: units, Queue: 64, WaitTime: true}),
		shared:  semaphore.NewWeighted(2),
		adapt:   adaptive.New(adaptive.Options{Initial: 3, Max: 4, Wait: 20 * time.Millisecond}),
		keySem:  keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: keys / 4, Size: 2, Queue: 8}),
		keyRate: keyed.NewRate[int](keyed.RateOptions{Keys: keys / 4, Limit: 5000, Burst: 20}),
		bucket:  rate.NewLimiter(20_000, 100),
		abroad:  rate.NewLimiter(1000, 10),
		group:   new(errgroup.Group),
		broken:  make(chan struct{}),
	}
	w.late.MaxAbandoned = 64
	w.group.SetLimit(2)
	w.watched = limiter.Watch(semaphore.NewWeighted(units / 2))
	w.watched.Track(true)
	w.all = limiter.All(semaphore.NewWeighted(units), w.watched, rate.NewLimiter(50_000, 100))
	w.pool = pool.New(pool.Options[net.Conn]{
		MaxOpen: conns, MinIdle: 1, Open: w.echo.dial, Check: ping,
		Close:       func(c net.Conn) { _ = c.Close() },
		MaxLifetime: 2 * time.Second, MaxIdleTime: time.Second, CheckAfter: 10 * time.Millisecond,
		TendEvery: 100 * time.Millisecond, Timeout: time.Second,
	})
	return w
}

// fail notes a broken promise.
func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.mu.failures) < 20 {
		w.mu.failures = append(w.mu.failures, fmt.Sprintf(format, args...))
	}
	w.once.Do(func() { close(w.broken) })
}

// act does one thing at random, on a goroutine of its own, as it may not come
// back.
func (w *world) act(random *rand.Rand) {
	acts := []func(*world, *rand.Rand){
		(*world).semaphores, (*world).semaphores, (*world).permits, (*world).adapts, (*world).keyeds, (*world).keyeds,
		(*world).rates, (*world).pools, (*world).pools, (*world).composites,
		(*world).groups, (*world).bigGroup, (*world).collections, (*world).waits, (*world).abandons, (*world).timers, (*world).contexts,
		(*world).serves,
	}
	i := random.IntN(len(acts))
	if i == len(acts)-1 && random.IntN(4) > 0 {
		i = random.IntN(len(acts) - 1) // a whole service takes long
	}
	var done sync.WaitGroup
	done.Add(1)
	go func() { // ends with the act
		defer done.Done()
		defer func() {
			if v := recover(); v != nil && !planted(v) {
				buf := make([]byte, 1<<14)
				w.fail("panic: %v\n%s", v, buf[:runtime.Stack(buf, false)])
			}
		}()
		acts[i](w, random)
	}()
	done.Wait()
	w.acts.Add(1)
}

func planted(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, errPlanted)
}

// fault works for a while and then may leave by a panic or a Goexit, or return an
// error.
func (w *world) fault(random *rand.Rand) error {
	switch n := random.IntN(20); {
	case n == 0:
		w.panics.Add(1)
		panic(errPlanted)
	case n == 1:
		w.exits.Add(1)
		runtime.Goexit()
	case n < 5:
		time.Sleep(rand.N(300 * time.Microsecond))
	case n < 8:
		runtime.Gosched()
	case n == 8:
		return errPlanted
	}
	return nil
}

// context returns one that ends now, soon, or never.
func (w *world) context(random *rand.Rand) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	switch random.IntN(4) {
	case 0:
		w.cancels.Add(1)
		cancel()
	case 1, 2:
		w.cancels.Add(1)
		timer := time.AfterFunc(time.Duration(random.IntN(500_000)), cancel)
		return ctx, func() { timer.Stop(); cancel() }
	}
	return ctx, cancel
}

// inside counts who is in and fails if there are too many.
func (w *world) inside(what string, in *atomic.Int64, n, most int64) (out func()) {
	if now := in.Add(n); now > most {
		w.fail("%d in %s, where %d may be", now, what, most)
	}
	return func() { in.Add(-n) }
}

func (w *world) line(began time.Time) {
	fmt.Printf("%8v  %9d acts  %7d panics  %7d Goexits  %8d cancels  %6d sockets closed  %7d answers  %4d goroutines  %3d descriptors  %4d MB\n",
		time.Since(began).Round(time.Second), w.acts.Load(), w.panics.Load(), w.exits.Load(), w.cancels.Load(), w.sockets.Load(), w.answered.Load(),
		runtime.NumGoroutine(), descriptors(), memory())
}

// account waits for what goes on and says what is left.
func (w *world) account(descriptorsBefore, goroutinesBefore int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	check := func(what string, err error) {
		if err != nil {
			w.fail("%s: %v", what, err)
		}
	}
	check("the group", notPlanted(w.group.WaitContext(ctx)))
	check("tasks", w.tasks.WaitContext(ctx))
	check("abandoned calls", w.late.WaitContext(ctx))
	check("the pool", w.pool.Close(ctx))
	if !within(10*time.Second, w.echo.close) {
		w.fail("sockets of the pool are open")
	}
	if w.answered.Load() == 0 {
		w.fail("no service has answered")
	}
	for name, s := range map[string]belay.Stats{
		"semaphore": w.sem.Stats(), "shared semaphore": w.shared.Stats(), "adaptive limit": w.adapt.Stats(),
		"keyed semaphore": w.keySem.Stats(), "pool": w.pool.Stats(), "group": w.group.Stats(), "watched semaphore": w.watched.Stats(),
	} {
		// The composite waits in front of the one that is watched.
		if s.Total == 0 || w.acts.Load() > 200_000 && s.Waited == 0 && name != "watched semaphore" {
			w.fail("%s: was hardly used: %+v", name, s)
		}
		if s.InFlight != 0 || s.Waiting != 0 {
			w.fail("%s: %d in flight, %d waiting", name, s.InFlight, s.Waiting)
		}
	}
	if holders := w.watched.Holders(); len(holders) > 0 {
		w.fail("holders: %v", holders)
	}
	if stacks := leaktest.Find(10 * time.Second); stacks != "" {
		w.fail("goroutines are left:\n%s", stacks)
	}
	after := descriptors()
	for range 100 { // what has ended may not be gone yet
		if after <= descriptorsBefore && runtime.NumGoroutine() <= goroutinesBefore {
			break
		}
		time.Sleep(20 * time.Millisecond)
		after = descriptors()
	}
	if n := runtime.NumGoroutine(); n > goroutinesBefore {
		buf := make([]byte, 1<<16)
		w.fail("%d goroutines, %d at the beginning\n%s", n, goroutinesBefore, buf[:runtime.Stack(buf, true)])
	}
	if after > descriptorsBefore {
		w.fail("%d descriptors, %d at the beginning", after, descriptorsBefore)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.mu.failures) > 0 {
		slices.Sort(w.mu.failures)
		return errors.New(strings.Join(w.mu.failures, "\n"))
	}
	fmt.Printf("soak: left at the end: 0 goroutines, %d descriptors more than before, 0 permits, 0 in line\n", max(0, after-descriptorsBefore))
	return nil
}

func notPlanted(err error) error {
	if errors.Is(err, errPlanted) || errors.Is(err, belay.ErrGoexit) {
		return nil
	}
	return err
}

// plant leaves something behind, for soak to find.
func (w *world) plant(what string) {
	switch what {
	case "permit":
		_, _ = w.watched.TryTake(1)
	case "goroutine":
		go func() { select {} }() // is to be found
	case "descriptor":
		f, _ := os.Open(os.Args[0])
		leaked = append(leaked, f) // so that the collector doesn't close it
	}
}

var leaked []*os.File
