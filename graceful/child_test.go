package graceful_test

// The test binary plays its own child: a real process that gets real signals.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// childEnv chooses what the test binary does instead of testing.
const childEnv = "GRACEFUL_TEST_CHILD"

// patience bounds every wait for a real process or socket.
const patience = 20 * time.Second

// quiet is what ends the delay of a child that may. The clients that keep it from
// that may be kept from their turn themselves, for a quarter of a second and more.
const quiet = 800 * time.Millisecond

func TestMain(m *testing.M) {
	if mode := os.Getenv(childEnv); mode != "" {
		os.Exit(playChild(mode))
	}
	_ = os.Unsetenv("NOTIFY_SOCKET") // of whoever runs the tests
	os.Exit(m.Run())
}

// handler is what the servers of the children serve.
func handler() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		wait(time.Millisecond)
		w.Header().Set("Answered", strconv.FormatInt(time.Now().UnixNano(), 10))
		w.Write(body)
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("d"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		io.WriteString(w, "begin ")
		w.(http.Flusher).Flush()
		wait(d)
		io.WriteString(w, "end")
	})
	mux.HandleFunc("POST /held", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // else it would read the body first
		io.WriteString(w, "begin ")
		w.(http.Flusher).Flush()
		io.ReadAll(r.Body)
		io.WriteString(w, "end")
	})
	mux.HandleFunc("GET /hang", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		say("request cut: %v", context.Cause(r.Context()))
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: hello\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-graceful.Draining(r.Context()):
			io.WriteString(w, "data: goodbye\n\n")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /hijack", func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		rw.WriteString("hijacked\n")
		rw.Flush()
		if r.FormValue("polite") != "" {
			<-graceful.Draining(r.Context())
			rw.WriteString("bye\n")
			rw.Flush()
			c.Close()
		}
	})
	return mux
}

// wait is the time that work takes in a real process.
func wait(d time.Duration) { <-time.After(d) }

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// plays are children that other files bring along, by the part of the mode
// before a colon; they get the rest.
var plays = map[string]func(arg string) int{}

func playChild(mode string) int {
	name, arg, _ := strings.Cut(mode, ":")
	if play := plays[name]; play != nil {
		return play(arg)
	}
	opts := graceful.Options{Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"}
	srv := &http.Server{Handler: handler()}
	switch mode {
	case "plain":
		return playPlain(srv)
	case "h2c":
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP1(true)
		srv.Protocols.SetUnencryptedHTTP2(true)
	case "short":
		opts.Budget = 2 * time.Second
	case "delay":
		opts.Delay = time.Second
	case "quiet":
		opts.Delay, opts.DelayQuiet = time.Minute, quiet
		opts.Budget = 2 * time.Minute
	case "forceterm":
		opts.Logger = slog.New(slog.NewTextHandler(os.Stdout, nil))
		opts.ForceOnSecondTerm = true
	case "panicstop":
		opts.StopOnPanic = true
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := graceful.New(opts)
	srv.Handler.(*http.ServeMux).HandleFunc("GET /readyz", m.Readyz)
	srv.Handler.(*http.ServeMux).HandleFunc("GET /livez", m.Livez)
	switch mode {
	case "slowstart":
		addSlowStart(m)
	case "hang":
		log := slog.New(slog.NewTextHandler(os.Stdout, nil))
		m = graceful.New(graceful.Options{Logger: log, Budget: 2 * time.Second})
		m.Add(5, stuck("consumer"))
	case "hang5":
		m = graceful.New(graceful.Options{Logger: opts.Logger, Budget: 3 * time.Second})
		for i := range 5 {
			c := stuck(fmt.Sprint("stuck", i))
			c.Limit = 10 * time.Second
			m.Add(10+i, c)
		}
	case "forceterm":
		m.Add(5, stuck("consumer"))
	case "main":
		m.Add(5, graceful.Func("failing", func(ctx context.Context, ready func()) error {
			ready()
			told := make(chan struct{})
			go func() { // ends with a line of input
				bufio.NewReader(os.Stdin).ReadString('\n')
				close(told)
			}()
			select {
			case <-told:
				return errMade
			case <-ctx.Done():
				return nil
			}
		}))
	case "panic", "panicstop":
		m.Add(5, graceful.Func("bomb", func(ctx context.Context, ready func()) error {
			ready()
			for m.State() != "ready" {
				wait(time.Millisecond)
			}
			wait(10 * time.Millisecond)
			panic("the bomb went off")
		}))
	}
	if mode == "parent" {
		go func() { // ends with the first line of input
			bufio.NewReader(os.Stdin).ReadString('\n')
			cancel()
		}()
	}
	m.Add(20, graceful.HTTP("http", "127.0.0.1:0", srv), graceful.Func("ready", func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		return nil
	}))
	m.Add(30, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s", m.Addr("http"))
		return nil
	}})
	if mode == "main" {
		return m.Main(ctx)
	}
	report, err := m.Run(ctx)
	say("%s", report)
	if err != nil {
		say("error: %v", err)
	}
	return report.ExitCode()
}

// playPlain is the stop as net/http's documentation shows it.
func playPlain(srv *http.Server) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 2
	}
	go srv.Serve(ln) // ends by Shutdown
	say("ready %s", ln.Addr())
	<-ctx.Done()
	if err := srv.Shutdown(context.Background()); err != nil {
		return 1
	}
	return 0
}

// stuck returns a component that ends for nothing.
func stuck(name string) graceful.Component {
	return graceful.Func(name, func(_ context.Context, ready func()) error {
		ready()
		select {}
	})
}

// addSlowStart adds phases that take their time and say what happens to them.
func addSlowStart(m *graceful.Manager) {
	for phase := range 4 {
		for i := range 2 {
			name := fmt.Sprintf("p%d.%d", phase, i)
			m.Add(phase, graceful.Component{
				Name: name,
				Start: func(ctx context.Context) error {
					say("start %s", name)
					select {
					case <-time.After(10 * time.Millisecond):
						say("started %s", name)
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				},
				Stop: func(context.Context) error {
					say("stop %s", name)
					return nil
				},
			})
		}
	}
}

// A child is a process of the test binary.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Writer
	addr  string

	lines chan string // closed at the end of its output
	out   struct {
		sync.Mutex
		bytes.Buffer
	}
}

// env sets variables of a child.
func env(pairs ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, pairs...) }
}

// spawn starts a child and does not wait for it to be ready.
func spawn(t *testing.T, mode string, with ...func(*exec.Cmd)) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000)}
	// A process with the race detector in it sleeps for a second at its end, and
	// one in Kubernetes has a delay.
	c.cmd.Env = append(os.Environ(), childEnv+"="+mode, "GORACE=atexit_sleep_ms=10", "KUBERNETES_SERVICE_HOST=")
	in, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	c.stdin = in
	for _, change := range with {
		change(c.cmd)
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	c.cmd.Stdout, c.cmd.Stderr = w, w
	require.NoError(t, c.cmd.Start())
	require.NoError(t, w.Close())
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	go func() { // ends with the child's output
		defer close(c.lines)
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			c.out.Lock()
			fmt.Fprintln(&c.out.Buffer, s.Text())
			c.out.Unlock()
			c.lines <- s.Text()
		}
	}()
	return c
}

// start starts a child and waits for the line that says it is ready.
func start(t *testing.T, mode string, with ...func(*exec.Cmd)) *child {
	t.Helper()
	c := spawn(t, mode, with...)
	c.addr = strings.TrimPrefix(c.line("ready "), "ready ")
	return c
}

// line waits for a line of the child's output that begins so.
func (c *child) line(prefix string) string {
	c.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			require.True(c.t, ok, "the child ended without %q:\n%s", prefix, c.output())
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-limit:
			require.FailNow(c.t, "no line", "%q:\n%s", prefix, c.output())
		}
	}
}

func (c *child) output() string {
	c.out.Lock()
	defer c.out.Unlock()
	return c.out.String()
}

// saw waits for a text in what has been said so far, in whatever order.
func (c *child) saw(text string) {
	c.t.Helper()
	for limit := time.Now().Add(patience); !strings.Contains(c.output(), text); wait(2 * time.Millisecond) {
		require.True(c.t, time.Now().Before(limit), "no %q:\n%s", text, c.output())
	}
}

// forces sends a signal twice, so that the second one is another one: the time
// counts from when the first has come, which the log tells.
func (c *child) forces(sig os.Signal, came string) {
	c.t.Helper()
	c.signal(sig)
	c.saw(came)
	wait(300 * time.Millisecond)
	c.signal(sig)
}

func (c *child) signal(sig os.Signal) {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(sig))
}

// exit waits for the end of the child and returns its exit code.
func (c *child) exit() int {
	c.t.Helper()
	limit := time.AfterFunc(patience, func() { _ = c.cmd.Process.Signal(syscall.SIGQUIT) })
	defer limit.Stop()
	for range c.lines {
	}
	err := c.cmd.Wait()
	var failed *exec.ExitError
	if err != nil {
		require.True(c.t, errors.As(err, &failed), "%v", err)
	}
	return c.cmd.ProcessState.ExitCode()
}
