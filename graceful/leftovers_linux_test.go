package graceful_test

// What a manager leaves behind in its process, counted from outside of it.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() {
	plays["fds"] = playDescriptors
	plays["spawner"] = playSpawner
	plays["abandons"] = playAbandons
}

// playDescriptors runs one manager after the other and says how many
// descriptors the process has after each.
func playDescriptors(dir string) int {
	most := 0 // after the first of them
	for i := range 60 {
		m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
		path := filepath.Join(dir, "socket")
		local := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
		tcp := &http.Client{Transport: &http.Transport{}}
		silent := make([]net.Conn, 3)
		m.Add(1, graceful.HTTP("tcp", "127.0.0.1:0", &http.Server{Handler: handler()}))
		m.Add(1, graceful.HTTP("unix", "unix:"+path, &http.Server{Handler: handler()}))
		m.Add(2, graceful.Component{Name: "asks", Start: func(context.Context) (err error) {
			for _, url := range []string{"http://" + m.Addr("tcp").String(), "http://local"} {
				client := tcp
				if strings.HasSuffix(url, "local") {
					client = local
				}
				resp, err := client.Get(url + "/slow?d=0s")
				if err != nil {
					return err
				}
				if _, err := io.ReadAll(resp.Body); err != nil {
					return err
				}
			}
			for i := range silent {
				if silent[i], err = net.Dial("tcp", m.Addr("tcp").String()); err != nil {
					return err
				}
			}
			m.Stop(nil)
			return nil
		}})
		if _, err := m.Run(context.Background()); err != nil {
			say("error: %v", err)
			return 1
		}
		tcp.CloseIdleConnections()
		local.CloseIdleConnections()
		for _, c := range silent {
			_ = c.Close()
		}
		if i%20 == 19 {
			// A close ends when the last who reads has come to its next line.
			open := descriptors("self")
			for limit := time.Now().Add(patience / 2); most > 0 && open > most && time.Now().Before(limit); wait(time.Millisecond) {
				open = descriptors("self")
			}
			most = max(most, open)
			say("open %d", open)
		}
	}
	return 0
}

func descriptors(pid string) int {
	entries, _ := os.ReadDir("/proc/" + pid + "/fd")
	return len(entries)
}

func TestNoDescriptorIsLeftOpenByAStop(t *testing.T) {
	t.Parallel()
	c := spawn(t, "fds:"+t.TempDir())
	require.Equal(t, 0, c.exit(), "%s", c.output())
	lines := strings.Split(strings.TrimSpace(c.output()), "\n")
	require.Len(t, lines, 3, "%s", c.output())
	first, last := 0, 0
	_, err := fmt.Sscan(strings.TrimPrefix(lines[0], "open "), &first)
	require.NoError(t, err)
	_, err = fmt.Sscan(strings.TrimPrefix(lines[2], "open "), &last)
	require.NoError(t, err)
	require.LessOrEqual(t, last, first+2, "%s", c.output()) // a client's may be on its way out
}

// playSpawner starts processes of its own while it serves, and when it has
// taken what was left in the queue of a socket that it had been slow to accept
// from.
func playSpawner(string) int {
	sleep := func() {
		cmd := exec.Command("sleep", "100")
		if cmd.Start() == nil {
			say("child %d", cmd.Process.Pid)
		}
	}
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	slow := &slowAccept{fakeServer: newFakeServer(), gate: make(chan struct{})}
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: handler()}))
	m.Add(1, graceful.Server("slow", "127.0.0.1:0", slow))
	m.Add(1, graceful.Component{Name: "spawner", Stop: func(context.Context) error {
		sleep()
		wait(2 * settle) // until Accept alone would have found nothing
		close(slow.gate)
		<-slow.serve
		say("accepted %d", len(slow.conns))
		sleep()
		return nil
	}})
	m.Add(2, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s %s", m.Addr("http"), m.Addr("slow"))
		return nil
	}})
	m.Add(3, graceful.Component{Name: "early spawner", Start: func(context.Context) error {
		sleep()
		say("serving")
		return nil
	}})
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

func TestAProcessThatAComponentStartsInheritsNoSocket(t *testing.T) {
	t.Parallel()
	c := start(t, "spawner")
	c.line("serving")
	var addr, slow string
	_, err := fmt.Sscan(c.addr, &addr, &slow)
	require.NoError(t, err)
	for range 20 {
		dial(t, addr)
		dial(t, slow)
	}
	c.signal(syscall.SIGTERM)
	code := c.exit()
	children := 0
	for line := range strings.Lines(c.output()) {
		pid, ok := strings.CutPrefix(strings.TrimSpace(line), "child ")
		if !ok {
			continue
		}
		children++
		n, err := strconv.Atoi(pid)
		require.NoError(t, err)
		t.Cleanup(func() { _ = syscall.Kill(n, syscall.SIGKILL) })
		links, err := filepath.Glob("/proc/" + pid + "/fd/*")
		require.NoError(t, err)
		require.NotEmpty(t, links)
		for _, link := range links {
			to, _ := os.Readlink(link)
			require.NotContains(t, to, "socket:", "child %s", pid)
		}
	}
	require.Equal(t, 0, code, "%s", c.output())
	require.Contains(t, c.output(), "accepted 20\n")
	require.Equal(t, 3, children, "%s", c.output())
	_, err = net.DialTimeout("tcp", addr, time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "nobody has its socket")
}

// playAbandons leaves goroutines behind, and says how many there are and whose.
func playAbandons(string) int {
	before := runtime.NumGoroutine()
	never := make(chan int)
	hangs := func(context.Context) error { <-never; return nil }
	m := graceful.New(graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), Budget: 2 * time.Second})
	m.Add(1, worker("good"))
	m.Add(2, graceful.Component{Name: "hook", Stop: hangs})
	m.Add(3, graceful.Component{Name: "cut", Run: func(_ context.Context, ready func()) error {
		ready()
		return hangs(nil)
	}, Cut: func() { <-never }})
	m.Add(4, graceful.Func("workers", func(_ context.Context, ready func()) error {
		for range 5 {
			go func() { <-never }() // never ends
		}
		ready()
		return hangs(nil)
	}))
	starting := make(chan struct{})
	m.Add(5, graceful.Component{Name: "start", Start: func(ctx context.Context) error {
		close(starting)
		return hangs(ctx)
	}})
	m.Add(5, graceful.Func("stopper", func(ctx context.Context, ready func()) error {
		ready()
		<-starting
		m.Stop(nil)
		<-ctx.Done()
		return nil
	}))
	report, _ := m.Run(context.Background())
	for limit := time.Now().Add(patience / 2); time.Now().Before(limit); wait(10 * time.Millisecond) {
		if labelledGoroutines() == runtime.NumGoroutine()-before {
			break // what ends has ended
		}
	}
	say("left %d of them labelled %d", runtime.NumGoroutine()-before, labelledGoroutines())
	for _, c := range report.Components {
		if c.Outcome == "stuck" {
			say("stuck %s", c.Name)
		}
	}
	return report.ExitCode()
}

// labelledGoroutines counts the goroutines with a component's name.
func labelledGoroutines() (n int) {
	var text strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
	count := 0
	for s := bufio.NewScanner(strings.NewReader(text.String())); s.Scan(); {
		if number, _, ok := strings.Cut(s.Text(), " @"); ok {
			count, _ = strconv.Atoi(number)
		}
		if strings.Contains(s.Text(), `"graceful.component":`) {
			n += count
		}
	}
	return n
}

func TestEveryGoroutineThatIsLeftBehindIsOneOfAStuckComponent(t *testing.T) {
	t.Parallel()
	c := spawn(t, "abandons")
	require.Equal(t, 3, c.exit(), "%s", c.output())
	// One of hook and start each, two of cut, six of workers.
	require.Contains(t, c.output(), "left 10 of them labelled 10\n")
	for _, name := range []string{"hook", "cut", "workers", "start"} {
		require.Contains(t, c.output(), "stuck "+name+"\n")
	}
	require.NotContains(t, c.output(), "stuck good")
	require.NotContains(t, c.output(), "stuck stopper")
}
