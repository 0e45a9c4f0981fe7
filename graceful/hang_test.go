package graceful_test

// A zoo of ways to hang: each has to be named with its function and line. The
// goroutines are real, and those that can are let go afterwards.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// cage is what the animals of the zoo hang in.
type cage struct {
	line        atomic.Int64 // the one they hang at
	never, sink chan int
	mutex       sync.Mutex
	rw          sync.RWMutex
	group       sync.WaitGroup
	cond        *sync.Cond
	conn        net.Conn
	server      http.Server
	released    atomic.Bool // at the end of the test
}

// next notes that the line after the call is the one to be named.
func (c *cage) next() {
	_, _, line, _ := runtime.Caller(1)
	c.line.Store(int64(line + 1))
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

func (c *cage) selects() {
	c.next()
	select {
	case <-c.never:
	case c.sink <- 1:
	}
}

func (c *cage) locks() {
	c.next()
	c.mutex.Lock()
}

func (c *cage) readLocks() {
	c.next()
	c.rw.RLock()
}

func (c *cage) waits() {
	c.next()
	c.group.Wait()
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
	c.next()
	_, _ = c.conn.Read(make([]byte, 1))
}

func (c *cage) serves() {
	c.next()
	_ = c.server.ListenAndServe()
}

func (c *cage) spins() {
	c.next()
	for !c.released.Load() { // at this line, or at the next
		runtime.Gosched()
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

func newCage(t *testing.T) *cage {
	c := &cage{never: make(chan int), sink: make(chan int), cond: sync.NewCond(&sync.Mutex{})}
	c.mutex.Lock()
	c.rw.Lock()
	c.group.Add(1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.conn, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	c.server.Addr = "127.0.0.1:0"
	t.Cleanup(func() {
		c.released.Store(true)
		close(c.never)
		select {
		case <-c.sink:
		default:
		}
		c.mutex.Unlock()
		c.rw.Unlock()
		c.group.Done()
		c.cond.Broadcast()
		_ = c.conn.Close()
		_ = ln.Close()
		_ = c.server.Close()
	})
	return c
}

// quietlyWithin is quietly with a budget.
func quietlyWithin(budget time.Duration) graceful.Options {
	opts := quietly()
	opts.Budget = budget
	return opts
}

// zoo is what hangs, and what is to be said of it.
var zoo = map[string]struct {
	hang     func(*cage)
	wait     string
	function string
}{
	"chan send":      {(*cage).send, "chan send", "send"},
	"chan receive":   {(*cage).receive, "chan receive", "receive"},
	"range":          {(*cage).ranges, "chan receive", "ranges"},
	"select":         {(*cage).selects, "select", "selects"},
	"mutex":          {(*cage).locks, "mutex", "locks"},
	"rwmutex":        {(*cage).readLocks, "mutex", "readLocks"},
	"waitgroup":      {(*cage).waits, "WaitGroup", "waits"},
	"cond":           {(*cage).waitsForCond, "cond", "waitsForCond"},
	"sleep":          {(*cage).sleeps, "sleep", "sleeps"},
	"net read":       {(*cage).reads, "I/O", "reads"},
	"accept":         {(*cage).serves, "I/O", "serves"},
	"busy":           {(*cage).spins, "running or syscall", "spins"},
	"behind a group": {(*cage).workers, "mutex", "locks"},
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

func TestEveryWayToHangIsNamedWithItsLine(t *testing.T) {
	// All of them hang in one manager, and none is taken for another.
	m := graceful.New(quietlyWithin(2 * time.Second))
	cages, began := map[string]*cage{}, time.Now().UnixNano()
	function := map[string]string{}
	started := func() bool {
		for name, cage := range cages {
			if cage.line.Load() == 0 && !strings.Contains(name, " in stop ") {
				return false
			}
		}
		return true
	}
	want := map[string]string{}
	for animal, is := range zoo {
		for place, component := range places {
			if place == "goroutine" && slices.Contains([]string{"chan receive", "select", "WaitGroup"}, is.wait) {
				continue // like the goroutine that waits for it: either may be named
			}
			cage := newCage(t)
			c := component(func() { is.hang(cage) })
			c.Name = fmt.Sprint("zoo ", animal, " in ", place, " since ", began) // sleepers of the last time still sleep
			cages[c.Name], function[c.Name] = cage, is.function
			want[c.Name] = is.wait
			m.Add(0, c)
		}
	}
	go func() { // ends when all hang
		for !started() {
			time.Sleep(time.Millisecond)
		}
		m.Stop(nil)
	}()
	report, _ := m.Run(t.Context())
	dir, err := os.Getwd()
	require.NoError(t, err)
	for _, got := range report.Components {
		require.Equal(t, "stuck", got.Outcome, got.Name)
		line := cages[got.Name].line.Load()
		if function[got.Name] == "spins" && strings.HasSuffix(got.Where, fmt.Sprintf(":%d", line+1)) {
			line++
		}
		where := fmt.Sprintf("%s, 1 goroutine, graceful_test.(*cage).%s %s/hang_test.go:%d",
			want[got.Name], function[got.Name], lastTwo(dir), line)
		require.Equal(t, where, got.Where, "%s\n%s", got.Name, got.Stacks)
		require.Contains(t, got.Stacks, "(*cage)."+function[got.Name]+" ")
		require.Contains(t, report.String(), "\n      "+where)
	}
}

// lastTwo are the last elements of a path, with slashes.
func lastTwo(dir string) string {
	elements := strings.FieldsFunc(dir, func(r rune) bool { return r == '/' || r == '\\' })
	return strings.Join(elements[max(0, len(elements)-2):], "/")
}

func TestAHandlerThatHangsIsNamed(t *testing.T) {
	t.Parallel()
	cage := newCage(t)
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cage.locks() })}
	m := graceful.New(quietlyWithin(400 * time.Millisecond))
	m.Add(0, graceful.HTTP("hung handler", "127.0.0.1:0", srv))
	go func() { // ends when the server is cut
		for m.State() != "ready" {
			time.Sleep(time.Millisecond)
		}
		go func() { // ends with the connection
			for cage.line.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			m.Stop(nil)
		}()
		resp, err := http.Get("http://" + m.Addr("hung handler").String())
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	report, _ := m.Run(t.Context())
	require.Regexp(t, `^mutex, 1 goroutine, graceful_test\.\(\*cage\)\.locks .*hang_test\.go:\d+$`, report.Components[0].Where)
}

func TestAFastStopTakesNoProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		m.Add(0, worker("fast"), graceful.Component{Name: "slower", Stop: func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		}})
		m.Add(1, stopsAll(m))
		report, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Zero(t, graceful.Looks(m))
		require.NotContains(t, log.String(), "still stopping")
		require.NotContains(t, report.String(), "goroutine")
	})
}

func TestEachQuarterOfALongStopNamesWhatIsStillStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		release := make(chan struct{})
		hang := func(context.Context) error { <-release; return nil }
		m.Add(0, graceful.Component{Name: "hangs in a bubble", Stop: hang}, worker("fine"))
		m.Add(1, graceful.Component{Name: "short", Limit: time.Second, Stop: hang})
		m.Add(2, stopsAll(m))
		report, _ := m.Run(t.Context())
		close(release)
		// At the quarters, and before and after each cut; the last quarter
		// and the cut then may share one.
		require.Contains(t, []int{7, 8}, graceful.Looks(m))
		var lines []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "still stopping") {
				lines = append(lines, line)
				require.LessOrEqual(t, len(line), 4<<10)
			}
		}
		require.Len(t, lines, 4, log.String())
		for i, after := range []string{"2.35s", "4.7s", "7.05s", "9.4s"} {
			require.Contains(t, lines[i], "level=WARN")
			require.Regexp(t, fmt.Sprintf(`percent=%d after=%s left=`, 25*(i+1), regexp.QuoteMeta(after)), lines[i])
			require.Regexp(t, `hangs in a bubble \(stopping for \d\.\d s\): chan receive, 1 goroutine, graceful_test\.\S+ \S+hang_test\.go:\d+`, lines[i])
			require.Regexp(t, `short \(stuck for \d\.\d s\): chan receive, 1 goroutine, `, lines[i])
			require.NotContains(t, lines[i], "fine")
		}
		require.NotContains(t, report.String(), "later", "it never moved")
		require.Contains(t, log.String(), `outcome=stuck`)
		require.Regexp(t, `msg="graceful: component" .*where="chan receive, 1 goroutine, `, log.String())
	})
}

func TestALineOfTheLogIsShortHoweverManyHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		release := make(chan struct{})
		for i := range 100 {
			m.Add(0, graceful.Component{Name: fmt.Sprint("one of many ", i), Stop: func(context.Context) error {
				select {
				case <-release:
				case <-time.After(4 * time.Second):
				}
				return nil
			}})
		}
		m.Add(1, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, graceful.Looks(m), "one for all")
		line := log.String()[strings.Index(log.String(), `msg="graceful: still stopping"`):]
		line, _, _ = strings.Cut(line, "\n")
		require.LessOrEqual(t, len(line), 4<<10-100, "with its time and level")
		require.Regexp(t, `one of many 0 .*; and \d+ more"$`, line)
	})
}

func TestWhatMovesAfterTheCutIsSlowAndNotStuckInOnePlace(t *testing.T) {
	t.Parallel()
	cage := newCage(t)
	m := graceful.New(quietlyWithin(400 * time.Millisecond))
	cut := make(chan struct{})
	m.Add(0, graceful.Component{
		Name: "moves",
		Stop: func(context.Context) error {
			<-cut
			cage.locks()
			return nil
		},
		Cut: func() { close(cut) },
	})
	m.Add(1, stopsAll(m))
	report, _ := m.Run(t.Context())
	require.Regexp(t, `; later mutex, 1 goroutine, graceful_test\.\(\*cage\)\.locks \S+:\d+$`, report.Components[1].Where)
}

func TestALabelOfTheComponentsOwnKeepsItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		release := make(chan struct{})
		labels := map[string]string{}
		note := func(where string, ctx context.Context) {
			pprof.Do(ctx, pprof.Labels("own", "x"), func(ctx context.Context) {
				labels[where], _ = pprof.Label(ctx, "graceful.component")
			})
		}
		m.Add(0, graceful.Component{
			Name:  "labels its own",
			Limit: time.Second,
			Start: func(ctx context.Context) error { note("start", ctx); return nil },
			Run: func(ctx context.Context, ready func()) error {
				note("run", ctx)
				ready()
				pprof.Do(ctx, pprof.Labels("own", "x"), func(context.Context) { <-release })
				return nil
			},
			Stop: func(ctx context.Context) error { note("stop", ctx); return nil },
		})
		m.Add(1, stopsAll(m))
		report, _ := m.Run(t.Context())
		close(release)
		require.Contains(t, report.Components[1].Where, "chan receive, 1 goroutine, ")
		const name = "labels its own"
		require.Equal(t, map[string]string{"start": name, "run": name, "stop": name}, labels)
	})
}

func TestAKillAfterAQuarterFindsTheCulpritInTheLog(t *testing.T) {
	t.Parallel()
	c := start(t, "hang")
	c.signal(syscall.SIGTERM)
	limit := time.After(patience)
	for told := false; !told; {
		select {
		case line, ok := <-c.lines:
			require.True(t, ok, "%s", c.output())
			told = strings.Contains(line, "graceful: still stopping")
		case <-limit:
			require.FailNow(t, "nothing told", "%s", c.output())
		}
	}
	require.NoError(t, c.cmd.Process.Kill())
	require.Equal(t, -1, c.exit())
	require.Regexp(t, `percent=25 .*consumer \(stopping for [^)]*\): [a-z ]+, 1 goroutine, graceful_test\.\S*stuck\S* \S+/child_test\.go:\d+`, c.output())
	require.NotContains(t, c.output(), "STUCK", "it had no time for the report")
}
