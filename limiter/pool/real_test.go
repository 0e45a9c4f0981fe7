package pool_test

// This file pools real connections to a server that dies and comes back.

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

// server echoes lines, of as many connections at once as there are.
type server struct {
	addr     string
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]bool
	most     int
	dead     bool
	all      sync.WaitGroup
}

// start listens where it did before, once it did.
func (s *server) start(t *testing.T) {
	addr := cmp.Or(s.addr, "127.0.0.1:0")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			s.listener = l
			break
		}
		require.False(t, time.Now().After(deadline), "%v", err)
	}
	if s.addr == "" {
		s.addr = s.listener.Addr().String()
	}
	s.mu.Lock()
	s.conns, s.dead = map[net.Conn]bool{}, false
	s.mu.Unlock()
	s.all.Go(func() { // ends with the listener
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[c] = true
			if s.dead { // it came with the end
				c.Close()
			}
			s.most = max(s.most, len(s.conns))
			s.mu.Unlock()
			s.all.Go(func() { s.serve(c) }) // ends with the connection
		}
	})
}

func (s *server) serve(c net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		c.Close()
	}()
	_, _ = io.Copy(c, c)
}

// die resets all connections, as a process that is killed may.
func (s *server) die() {
	s.listener.Close()
	s.mu.Lock()
	s.dead = true
	for c := range s.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// line is a connection that asks by the line.
type line struct {
	net.Conn
	r *bufio.Reader
}

func (l *line) ask(ctx context.Context, question string) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(10 * time.Second)
	}
	_ = l.SetDeadline(deadline)
	if _, err := io.WriteString(l, question+"\n"); err != nil {
		return err
	}
	answer, err := l.r.ReadString('\n')
	if err == nil && strings.TrimSpace(answer) != question {
		err = fmt.Errorf("asked %q, answered %q", question, answer)
	}
	return err
}

func (s *server) pool(o pool.Options[*line]) *pool.Pool[*line] {
	o.Open = func(ctx context.Context) (*line, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", s.addr)
		if err != nil {
			return nil, err
		}
		return &line{c, bufio.NewReader(c)}, nil
	}
	o.Close = func(l *line) { l.Close() }
	o.Check = func(ctx context.Context, l *line) error { return l.ask(ctx, "ping") }
	return pool.New(o)
}

// ask asks once, without a second try.
func ask(p *pool.Pool[*line], question string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h, err := p.Get(ctx)
	if err != nil {
		return err
	}
	defer h.Discard()
	if err := h.Value().ask(ctx, question); err != nil {
		return err
	}
	h.Release()
	return nil
}

func TestConnectionsToAServerThatDiesAndComesBack(t *testing.T) {
	s := &server{}
	s.start(t)
	p := s.pool(pool.Options[*line]{MaxOpen: 4, CheckAfter: -1})
	askAll := func(each int) (failures int64) {
		var failed atomic.Int64
		var all sync.WaitGroup
		for g := range 16 {
			all.Go(func() {
				for i := range each {
					if ask(p, fmt.Sprint(g, " ", i)) != nil {
						failed.Add(1)
					}
				}
			})
		}
		all.Wait()
		return failed.Load()
	}
	require.Zero(t, askAll(20))
	s.mu.Lock()
	require.LessOrEqual(t, s.most, 4)
	s.mu.Unlock()
	for range 3 {
		s.die()
		require.Equal(t, int64(32), askAll(2), "nobody answers, and everybody is told at once")
		require.Zero(t, p.Counts().Idle)
		s.start(t)
		require.Zero(t, askAll(20), "and all is well again")
		s.die()
		s.start(t) // between two calls: what is idle is dead, and is not lent
		require.Zero(t, askAll(20))
	}
	require.NotZero(t, p.Counts().Unhealthy)
	require.NoError(t, p.Close(t.Context()))
	require.Eventually(t, func() bool { return s.connections() == 0 }, 10*time.Second, time.Millisecond)
	s.die()
}

// The server dies while it is asked: what was being asked fails, nothing else, and
// no connection is left.
func TestAServerThatDiesUnderLoadCostsOnlyWhatWasBeingAsked(t *testing.T) {
	s := &server{}
	s.start(t)
	p := s.pool(pool.Options[*line]{MaxOpen: 4, CheckAfter: -1})
	var stop atomic.Bool
	var answered, wrong atomic.Int64
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := 0; !stop.Load(); i++ {
				switch err := ask(p, fmt.Sprint(g, " ", i)); {
				case err == nil:
					answered.Add(1)
				case strings.Contains(err.Error(), "asked"), os.IsTimeout(err):
					wrong.Add(1)
				}
			}
		})
	}
	for range 5 {
		before := answered.Load()
		require.Eventually(t, func() bool { return answered.Load() > before+50 }, 20*time.Second, time.Millisecond)
		s.die()
		s.start(t)
	}
	stop.Store(true)
	all.Wait()
	require.Zero(t, wrong.Load(), "an answer to someone else's question, or a wait for a dead one")
	require.NoError(t, ask(p, "still there?"))
	require.Zero(t, p.Stats().InFlight)
	require.NoError(t, p.Close(t.Context()))
	s.die()
}
