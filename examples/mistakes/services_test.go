package mistakes_test

// What semaphores, servers and stops do to those who make the mistakes.

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/examples/mistakes"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/semaphore"
)

func contains(s string, all ...string) bool {
	for _, part := range all {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

func TestAReleaseWithoutAnAcquirePanicsOrOverbooks(t *testing.T) {
	sem := semaphore.NewWeighted(1)
	require.PanicsWithValue(t, "semaphore: released more than held", func() { _ = mistakes.UseWrong(done(), sem, func() {}) })

	require.True(t, sem.TryAcquire(1)) // somebody else's
	require.ErrorIs(t, mistakes.UseWrong(done(), sem, func() {}), context.Canceled)
	require.True(t, sem.TryAcquire(1), "two hold a semaphore of one")

	for _, use := range []func(context.Context, *semaphore.Weighted, func()) error{mistakes.UseRight, mistakes.UsePermit} {
		require.ErrorIs(t, use(done(), sem, func() {}), context.Canceled)
		require.False(t, sem.TryAcquire(1), "nothing was given back")
	}
	sem.Release(1)
	for _, use := range []func(context.Context, *semaphore.Weighted, func()) error{mistakes.UseRight, mistakes.UsePermit} {
		used := false
		require.NoError(t, use(t.Context(), sem, func() { used = true }))
		require.True(t, used)
		require.Zero(t, sem.Stats().InFlight)
	}
}

func TestAChannelAsASemaphoreDoesNotHeedItsContext(t *testing.T) {
	draw := func(context.Context) error { return nil }
	synctest.Test(t, func(t *testing.T) {
		full := make(chan struct{}, 1)
		full <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var waits atomic.Bool
		waits.Store(true)
		go func() { // ends when the slot is free
			_ = mistakes.RenderWrong(ctx, full, draw)
			waits.Store(false)
		}()
		time.Sleep(time.Hour)
		require.True(t, waits.Load(), "an hour after its client has gone")
		<-full
		synctest.Wait()
		require.False(t, waits.Load())

		sem := semaphore.NewWeighted(1)
		require.True(t, sem.TryAcquire(1))
		began := time.Now()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, mistakes.RenderRight(ctx, sem, draw), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
	})
}

// listener says when somebody has connected, and when accepting has ended.
type listener struct {
	net.Listener
	accepted, closed chan struct{}
	once             sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- struct{}{}
	}
	return c, err
}

func (l *listener) Close() error {
	defer l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// deploy connects, stops the server, sends a request as soon as accepting has
// ended, and says whether it was answered.
func deploy(t *testing.T, serve func(context.Context, net.Listener, http.Handler) error) bool {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &listener{Listener: ln, accepted: make(chan struct{}, 1), closed: make(chan struct{})}
	ctx, terminate := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, http.NotFoundHandler()) }() // ends after terminate

	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	<-l.accepted
	terminate()
	<-l.closed
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"))
	if err == nil {
		var answer *http.Response
		if answer, err = http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			answer.Body.Close()
		}
	}
	conn.Close()
	require.NoError(t, <-ended)
	return err == nil
}

func TestShutdownAloneLosesRequestsThatAreOnTheirWay(t *testing.T) {
	quiet(t)
	for range 3 {
		require.False(t, deploy(t, mistakes.ServeWrong), "this one was answered: the page is out of date")
	}
	// A machine that sleeps for longer than graceful waits for a silent client
	// may lose one; three in a row are a fault.
	require.True(t, deploy(t, mistakes.ServeRight) || deploy(t, mistakes.ServeRight) || deploy(t, mistakes.ServeRight))
}

// quiet keeps the manager's log out of the tests' output.
func quiet(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}

func TestAStopThatHangsIsToNameWhatHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	flush := func() { <-release }
	require.False(t, mistakes.StopWrong(0, func() {}, flush), "something hangs: that is all it says")

	o := graceful.Options{
		Budget: time.Second, Signals: []os.Signal{}, TerminationLog: "-",
		Logger: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.OnReady = cancel // and so the stop begins
	report := mistakes.StopRight(ctx, o, map[string]func(){"cache": func() {}, "consumer": flush})
	require.Equal(t, 3, report.ExitCode())
	for _, c := range report.Components {
		require.Equal(t, c.Name == "consumer", c.Outcome == "stuck", "%+v", c)
	}
	require.Contains(t, report.String(), "services_test.go")
}

// Since Go 1.23 a ticker that nobody refers to is collected, stopped or not.
func TestATickerThatIsForgottenIsCollected(t *testing.T) {
	var collected atomic.Bool
	mistakes.DropTicker(func(ticker *time.Ticker) {
		runtime.AddCleanup(ticker, func(*int) { collected.Store(true) }, nil)
	})
	eventually(t, func() bool { runtime.GC(); return collected.Load() }, "it was kept")
}
