package graceful_test

// A zoo of ways to hang, in every place of a component: each has to be named
// with its function and line.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
)

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
	"semaphore":       {(*cage).acquires, "cond", "acquires"},
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
			require.Regexp(t, `^running, 1 goroutine, graceful_test\.\(\*cage\)\.yields .*cage_test\.go:\d+$`, where)
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
		require.Regexp(t, `^1 @ \w+\n    runtime\.(gopanic|Goexit) `, c.Stacks, "it begins where it left")
		require.Contains(t, report.String(), "\n      "+c.Where)
		var p *belay.PanicError
		if errors.As(c.Err, &p) {
			require.Contains(t, string(p.Stack), fmt.Sprintf("zoo_test.go:%d", lines[i]))
		}
	}
}
