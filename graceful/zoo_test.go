package graceful_test

// A zoo of ways to hang: each has to be named with its function and line. The
// goroutines are real, and those that can are let go afterwards.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/semaphore"
	"github.com/belay-go/belay/timeout"
)

// cage is what the animals of the zoo hang in.
type cage struct {
	place    atomic.Pointer[string] // file:line where they hang; nil before
	never    chan int               // closed at the end
	none     chan int               // nil
	sink     chan int
	mutex    sync.Mutex
	rw       sync.RWMutex
	group    sync.WaitGroup
	tasks    errgroup.Group
	late     timeout.WaitGroup
	permits  *semaphore.Weighted
	cond     *sync.Cond
	listener net.Listener // accepts nothing
	released atomic.Bool

	mu    sync.Mutex
	atEnd []func() error
}

// next notes that the line after the call is the one to be named.
func (c *cage) next() {
	_, file, line, _ := runtime.Caller(1)
	place := fmt.Sprintf("%s:%d", path.Base(file), line+1)
	c.place.Store(&place)
}

// cleanup adds what lets an animal go.
func (c *cage) cleanup(f func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atEnd = append(c.atEnd, f)
}

func newCage(t *testing.T) *cage {
	c := &cage{never: make(chan int), sink: make(chan int), cond: sync.NewCond(&sync.Mutex{}), permits: semaphore.NewWeighted(1)}
	c.mutex.Lock()
	c.rw.Lock()
	c.group.Add(1)
	c.late.Add(1)
	c.tasks.Go(func() error { <-c.never; return nil }) // its goroutine is nobody's
	require.NoError(t, c.permits.Acquire(t.Context(), 1))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.listener = ln
	t.Cleanup(c.release)
	return c
}

// release lets go what can be.
func (c *cage) release() {
	c.released.Store(true)
	close(c.never)
	select {
	case <-c.sink:
	default:
	}
	c.mutex.Unlock()
	c.rw.Unlock()
	c.group.Done()
	c.late.Done()
	c.permits.Release(1)
	c.cond.Broadcast()
	_ = c.listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.atEnd {
		_ = f()
	}
}

func (c *cage) send() {
	c.next()
	c.sink <- 1
}

func (c *cage) receive() {
	c.next()
	<-c.never
}

func (c *cage) ranges() {
	c.next()
	for range c.never {
	}
}

func (c *cage) sendsToNil() {
	c.next()
	c.none <- 1
}

func (c *cage) receivesFromNil() {
	c.next()
	<-c.none
}

func (c *cage) selects() {
	c.next()
	select {
	case <-c.never:
	case c.sink <- 1:
	}
}

func (c *cage) selectsNothing() {
	c.next()
	select {}
}

func (c *cage) locks() {
	c.next()
	c.mutex.Lock()
}

func (c *cage) readLocks() {
	c.next()
	c.rw.RLock()
}

func (c *cage) reenters() {
	var once sync.Once
	once.Do(func() {
		c.next()
		once.Do(func() {})
	})
}

func (c *cage) waits() {
	c.next()
	c.group.Wait()
}

func (c *cage) waitsForTasks() {
	c.next()
	_ = c.tasks.Wait()
}

func (c *cage) waitsLate() {
	c.next()
	c.late.Wait()
}

func (c *cage) acquires() {
	c.next()
	_ = c.permits.Acquire(context.Background(), 1)
}

func (c *cage) waitsForCond() {
	c.cond.L.Lock()
	c.next()
	c.cond.Wait()
}

func (c *cage) sleeps() {
	c.next()
	time.Sleep(10 * time.Second)
}

func (c *cage) reads() {
	conn, err := net.Dial("tcp", c.listener.Addr().String())
	if err != nil {
		return
	}
	c.cleanup(conn.Close)
	c.next()
	_, _ = conn.Read(make([]byte, 1))
}

func (c *cage) asks() {
	c.next()
	resp, err := http.Get("http://" + c.listener.Addr().String())
	if err == nil {
		_ = resp.Body.Close()
	}
}

func (c *cage) serves() {
	srv := &http.Server{Addr: "127.0.0.1:0"}
	c.cleanup(srv.Close)
	c.next()
	_ = srv.ListenAndServe()
}

func (c *cage) readsPipe() {
	r, w := io.Pipe()
	c.cleanup(w.Close)
	c.next()
	_, _ = r.Read(make([]byte, 1))
}

func (c *cage) readsFile() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	c.cleanup(w.Close)
	c.cleanup(r.Close)
	c.next()
	_, _ = io.ReadAll(r)
}

func (c *cage) writesFile() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	c.cleanup(r.Close)
	c.next()
	_, _ = w.Write(make([]byte, 1<<20))
}

// yields runs, and lets others run.
func (c *cage) yields() {
	c.next()
	for !c.released.Load() { // at this line, or at the next
		runtime.Gosched()
	}
}

// spins calls nothing: the load is an instruction.
func (c *cage) spins() {
	c.next()
	for !c.released.Load() {
	}
}

func (c *cage) workers() {
	for range 7 { // idle: they have nothing to do with it
		go func() { <-c.never }() // ends with the test
	}
	var group sync.WaitGroup
	group.Go(c.locks)
	group.Wait()
}

// levels hangs in a goroutine's goroutine's goroutine.
func (c *cage) levels() {
	hung := make(chan struct{})
	go func() { // ends with the cage, as all of them
		go func() {
			go func() {
				defer close(hung)
				c.locks()
			}()
		}()
	}()
	<-hung
}

// Close makes it an io.Closer, GracefulStop one half of a gRPC server.
func (c *cage) Close() error {
	c.next()
	<-c.never
	return nil
}

func (c *cage) GracefulStop() {
	c.next()
	c.cond.Wait()
}

func (c *cage) Serve(ln net.Listener) error {
	_, err := ln.Accept()
	return err
}

func (c *cage) Stop() {}

func (c *cage) ServeHTTP(http.ResponseWriter, *http.Request) { c.locks() }

// An animal is what hangs, and what is to be said of it.
type animal struct {
	hang     func(*cage)
	wait     string
	function string
}

var zoo = map[string]animal{
	"chan send":       {(*cage).send, "chan send", "send"},
	"chan receive":    {(*cage).receive, "chan receive", "receive"},
	"range":           {(*cage).ranges, "chan receive", "ranges"},
	"send to nil":     {(*cage).sendsToNil, "chan send", "sendsToNil"},
	"nil channel":     {(*cage).receivesFromNil, "chan receive", "receivesFromNil"},
	"select":          {(*cage).selects, "select", "selects"},
	"empty select":    {(*cage).selectsNothing, "select", "selectsNothing"},
	"mutex":           {(*cage).locks, "mutex", "locks"},
	"rwmutex":         {(*cage).readLocks, "mutex", "readLocks"},
	"once in itself":  {(*cage).reenters, "mutex", "reenters.func1"},
	"waitgroup":       {(*cage).waits, "WaitGroup", "waits"},
	"errgroup":        {(*cage).waitsForTasks, "WaitGroup", "waitsForTasks"},
	"late waitgroup":  {(*cage).waitsLate, "WaitGroup", "waitsLate"},
	"semaphore":       {(*cage).acquires, "select", "acquires"},
	"cond":            {(*cage).waitsForCond, "cond", "waitsForCond"},
	"sleep":           {(*cage).sleeps, "sleep", "sleeps"},
	"net read":        {(*cage).reads, "I/O", "reads"},
	"http client":     {(*cage).asks, "select", "asks"},
	"accept":          {(*cage).serves, "I/O", "serves"},
	"io.Pipe":         {(*cage).readsPipe, "select", "readsPipe"},
	"os.Pipe":         {(*cage).readsFile, "I/O", "readsFile"},
	"full pipe":       {(*cage).writesFile, "I/O", "writesFile"},
	"busy":            {(*cage).yields, "running", "yields"},
	"busy in one":     {(*cage).spins, "running", "spins"},
	"behind a group":  {(*cage).workers, "mutex", "locks"},
	"three levels on": {(*cage).levels, "mutex", "locks"},
}

// places are where in a component it hangs.
var places = map[string]func(hang func()) graceful.Component{
	"stop": func(hang func()) graceful.Component {
		return graceful.Component{Stop: func(context.Context) error { hang(); return nil }}
	},
	"run": func(hang func()) graceful.Component {
		return graceful.Func("", func(_ context.Context, ready func()) error { ready(); hang(); return nil })
	},
	"start": func(hang func()) graceful.Component {
		return graceful.Component{Start: func(context.Context) error { hang(); return nil }}
	},
	"goroutine": func(hang func()) graceful.Component {
		return graceful.Func("", func(ctx context.Context, ready func()) error {
			hung := make(chan struct{})
			go func() { // ends with the cage
				defer close(hung)
				hang()
			}()
			ready()
			for range hung {
			}
			return nil
		})
	},
}

// cast is what hangs in one test, by the name of the component.
type cast map[string]caged

type caged struct {
	animal
	*cage
}

func (c cast) add(m *graceful.Manager, component graceful.Component, a animal, in *cage) {
	c[component.Name] = caged{a, in}
	m.Add(0, component)
}

// hung tells whether all of them hang that do so before a stop.
func (c cast) hung() bool {
	for name, a := range c {
		if a.place.Load() == nil && !strings.Contains(name, " in stop") {
			return false
		}
	}
	return true
}

// require demands that each is named by its function and line.
func (c cast) require(t *testing.T, report graceful.Report) {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	named := 0
	for _, got := range report.Components {
		a := c[got.Name]
		require.Contains(t, []string{"cut", "stuck"}, got.Outcome, got.Name)
		require.NotNil(t, a.place.Load(), got.Name)
		at := filepath.ToSlash(path.Join(lastTwo(dir), *a.place.Load()))
		where := fmt.Sprintf("%s, 1 goroutine, graceful_test.(*cage).%s %s", a.wait, a.function, at)
		if a.function == "yields" && got.Where != where {
			where = got.Where
			require.Regexp(t, `^running, 1 goroutine, graceful_test\.\(\*cage\)\.yields .*zoo_test\.go:\d+$`, where)
		}
		require.Equal(t, where, got.Where, "%s\n%s", got.Name, got.Stacks)
		require.Contains(t, got.Stacks, "(*cage)."+a.function+" ")
		require.Contains(t, report.String(), "\n      "+where)
		named++
	}
	require.Equal(t, len(c), named)
	t.Logf("%d of %d named", named, len(c))
}

// lastTwo are the last elements of a path, with slashes.
func lastTwo(dir string) string {
	elements := strings.FieldsFunc(dir, func(r rune) bool { return r == '/' || r == '\\' })
	return strings.Join(elements[max(0, len(elements)-2):], "/")
}

func TestEveryWayToHangIsNamedWithItsLine(t *testing.T) {
	// All of them hang in one manager, and none is taken for another.
	m := graceful.New(quietlyWithin(3 * time.Second))
	all := cast{}
	for name, a := range zoo {
		for place, component := range places {
			switch {
			case place == "goroutine" && slices.Contains([]string{"chan receive", "select", "WaitGroup"}, a.wait):
				continue // like the goroutine that waits for it: either may be named
			case a.wait == "running" && place != "stop" && place != "goroutine":
				continue // enough of them for a small machine
			}
			cage := newCage(t)
			c := component(func() { a.hang(cage) })
			c.Name = name + " in " + place
			all.add(m, c, a, cage)
		}
	}
	go func() { // ends when all hang
		for !all.hung() {
			time.Sleep(time.Millisecond)
		}
		m.Stop(nil)
	}()
	report, _ := m.Run(t.Context())
	all.require(t, report)
}

func TestWhatTheConstructorsMakeIsNamedWhenItHangs(t *testing.T) {
	m := graceful.New(quietlyWithin(2 * time.Second))
	all := cast{}
	closer, rpc := newCage(t), newCage(t)
	rpc.cond.L.Lock()
	all.add(m, graceful.Closer("Close in stop", closer), animal{nil, "chan receive", "Close"}, closer)
	all.add(m, graceful.GRPC("GracefulStop in stop", "127.0.0.1:0", rpc), animal{nil, "cond", "GracefulStop"}, rpc)
	handler := newCage(t)
	all.add(m, graceful.HTTP("handler", "127.0.0.1:0", &http.Server{Handler: handler}), animal{nil, "mutex", "locks"}, handler)
	go func() { // ends when the server is cut
		for m.State() != "ready" {
			time.Sleep(time.Millisecond)
		}
		go func() { // ends when the handler hangs
			for !all.hung() {
				time.Sleep(time.Millisecond)
			}
			m.Stop(nil)
		}()
		resp, err := http.Get("http://" + m.Addr("handler").String())
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	report, _ := m.Run(t.Context())
	all.require(t, report)
}

func TestAHookThatPanicsOrCallsGoexitIsNamedWithItsLineAndTheOthersStop(t *testing.T) {
	var none chan int
	var lines [4]int
	next := func(i int) { _, _, lines[i], _ = runtime.Caller(1) }
	hooks := []func(context.Context) error{
		func(context.Context) error { next(0); panic(errMade) },
		func(context.Context) error { next(1); runtime.Goexit(); return nil },
		func(context.Context) error { next(2); close(none); return nil },
		func(context.Context) error { next(3); slices.SortFunc([]int{1, 2}, nil); return nil },
	}
	m := graceful.New(quietly())
	for i, hook := range hooks {
		m.Add(2*i, graceful.Component{Name: fmt.Sprint("bad", i), Stop: hook})
		m.Add(2*i+1, graceful.Component{Name: fmt.Sprint("good", i), Stop: func(context.Context) error { return nil }})
	}
	m.Add(99, stopsAll(m))
	report, err := m.Run(t.Context())
	require.Equal(t, 1, report.ExitCode())
	require.ErrorIs(t, err, errMade)
	require.ErrorIs(t, err, belay.ErrGoexit)
	for _, c := range report.Components[1:] {
		i := int(c.Name[len(c.Name)-1] - '0')
		how, outcome := "panic", "panicked"
		if i == 1 {
			how, outcome = "Goexit", "failed"
		}
		if strings.HasPrefix(c.Name, "good") {
			require.Equal(t, "stopped", c.Outcome, c.Name)
			require.Empty(t, c.Where)
			continue
		}
		require.Equal(t, outcome, c.Outcome, c.Name)
		require.Regexp(t, fmt.Sprintf(`^%s, 1 goroutine, graceful_test\.TestAHook\S+ \S+/zoo_test\.go:%d$`, how, lines[i]), c.Where)
		require.Regexp(t, fmt.Sprintf(`(?s)^1 @ %s\n.*    graceful_test\.TestAHook\S+ \S+/zoo_test\.go:%d\n.*graceful\.contain`, how, lines[i]), c.Stacks)
		require.Contains(t, report.String(), "\n      "+c.Where)
		var p *belay.PanicError
		if errors.As(c.Err, &p) {
			require.Contains(t, string(p.Stack), fmt.Sprintf("zoo_test.go:%d", lines[i]))
		}
	}
}
