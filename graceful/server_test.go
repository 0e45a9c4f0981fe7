package graceful_test

// Servers by their shape: in which order a stop calls them.

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// fakeServer accepts connections and notes what is asked of it.
type fakeServer struct {
	serve   chan struct{} // closed when Serve has returned
	release chan struct{} // what GracefulStop waits for; nil: nothing

	mu    sync.Mutex
	calls []string
	conns []net.Conn
}

func newFakeServer() *fakeServer { return &fakeServer{serve: make(chan struct{})} }

func (s *fakeServer) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *fakeServer) Serve(ln net.Listener) error {
	defer close(s.serve)
	for {
		c, err := ln.Accept()
		if err != nil {
			s.note("accept: " + err.Error())
			return err
		}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
	}
}

func (s *fakeServer) served() string {
	select {
	case <-s.serve:
		return " after serve"
	default:
		return " while serving"
	}
}

func (s *fakeServer) Shutdown(context.Context) error { s.note("shutdown" + s.served()); return nil }

func (s *fakeServer) GracefulStop() {
	s.note("graceful stop" + s.served())
	if s.release != nil {
		<-s.release
	}
}

func (s *fakeServer) Stop() {
	s.note("stop")
	close(s.release)
}

func (s *fakeServer) closeAll() {
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// runUntilReady runs m; stop ends it and returns what Run returned.
func runUntilReady(t *testing.T, opts graceful.Options, add func(m *graceful.Manager)) (*graceful.Manager, func() (graceful.Report, error)) {
	t.Helper()
	ready := make(chan struct{})
	opts.OnReady = func() { close(ready) }
	m := graceful.New(opts)
	add(m)
	type result struct {
		report graceful.Report
		err    error
	}
	done := make(chan result, 1)
	go func() { // ends with Run
		report, err := m.Run(context.Background())
		done <- result{report, err}
	}()
	select {
	case <-ready:
	case r := <-done:
		require.FailNow(t, "not ready", "%v", r.err)
	case <-time.After(patience):
		require.FailNow(t, "not ready")
	}
	return m, func() (graceful.Report, error) {
		m.Stop(nil)
		r := <-done
		return r.report, r.err
	}
}

func TestAServerIsShutDownOnlyAfterItsAcceptLoopHasEnded(t *testing.T) {
	s := newFakeServer()
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		m.Add(1, graceful.Server("own", "127.0.0.1:0", s))
	})
	require.NotNil(t, m.Addr("own"))
	require.Nil(t, m.Addr("nobody"))
	dial(t, m.Addr("own").String())
	report, err := stop()
	defer s.closeAll()
	require.NoError(t, err)
	require.Equal(t, []string{"accept: graceful: accepting has ended", "shutdown after serve"}, s.calls)
	require.Len(t, s.conns, 1)
	require.Equal(t, "stopped", outcomes(report)["own"])
}

func TestAGRPCServerIsStoppedGracefullyAndCutAtItsLimit(t *testing.T) {
	s := newFakeServer()
	_, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		m.Add(1, graceful.GRPC("rpc", "127.0.0.1:0", s))
	})
	_, err := stop()
	require.NoError(t, err)
	require.Equal(t, []string{"accept: graceful: accepting has ended", "graceful stop after serve"}, s.calls)

	s = newFakeServer()
	s.release = make(chan struct{})
	_, stop = runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.GRPC("rpc", "127.0.0.1:0", s)
		c.Limit = 300 * time.Millisecond
		m.Add(1, c)
	})
	report, err := stop()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, []string{"accept: graceful: accepting has ended", "graceful stop after serve", "stop"}, s.calls)
	require.Equal(t, "cut", outcomes(report)["rpc"])
	require.Equal(t, 3, report.ExitCode())
}

// The connections that the kernel has accepted for us are taken before the
// socket is closed, in the number in which they came.
func TestNothingInTheKernelsQueueIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	for _, addr := range []string{"127.0.0.1:0", "unix:" + path} {
		s := newFakeServer()
		gate := make(chan struct{})
		slow := &slowAccept{fakeServer: s, gate: gate}
		m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
			m.Add(1, graceful.Server("own", addr, slow))
		})
		a := m.Addr("own")
		var conns []net.Conn
		for range 50 {
			c, err := net.Dial(a.Network(), a.String())
			require.NoError(t, err)
			conns = append(conns, c)
		}
		time.AfterFunc(10*time.Millisecond, func() { close(gate) })
		_, err := stop()
		require.NoError(t, err)
		require.Len(t, s.conns, 50)
		s.closeAll()
		for _, c := range conns {
			require.NoError(t, c.Close())
		}
		require.NoFileExists(t, path)
	}
}

// slowAccept stops accepting after the first connection, until gate opens.
type slowAccept struct {
	*fakeServer
	gate chan struct{}
}

func (s *slowAccept) Serve(ln net.Listener) error {
	return s.fakeServer.Serve(&gated{Listener: ln, gate: s.gate})
}

type gated struct {
	net.Listener
	gate chan struct{}
}

func (g *gated) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	<-g.gate
	return c, err
}

func TestAnHeirMayBindTheSamePathAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	s := newFakeServer()
	heir := make(chan net.Listener, 1)
	_, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.Server("own", "unix:"+path, s)
		shutdown := c.Stop
		c.Stop = func(ctx context.Context) error {
			ln, err := net.Listen("unix", path)
			if err == nil {
				heir <- ln
			}
			return shutdown(ctx)
		}
		m.Add(1, c)
	})
	_, err := stop()
	require.NoError(t, err)
	ln := <-heir
	require.FileExists(t, path)
	require.NoError(t, ln.Close())
}

func TestAListenerFromElsewhereIsServed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := newFakeServer()
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.Server("own", "", s)
		c.Listener = noDeadline{ln}
		m.Add(1, c)
	})
	require.Equal(t, ln.Addr(), m.Addr("own"))
	_, err = stop()
	require.NoError(t, err)
	require.Equal(t, []string{"accept: graceful: accepting has ended", "shutdown after serve"}, s.calls)
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

// noDeadline hides all but a listener's three methods.
type noDeadline struct{ net.Listener }

func TestAServerThatFailsEndsTheRun(t *testing.T) {
	m := graceful.New(quietly())
	m.Add(1, graceful.Component{
		Name: "bad",
		Addr: "127.0.0.1:0",
		Serve: func(_ context.Context, ln net.Listener) error {
			time.AfterFunc(time.Millisecond, func() { _ = ln.Close() })
			_, err := ln.Accept()
			return err
		},
	})
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, net.ErrClosed)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}
