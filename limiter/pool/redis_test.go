//go:build unix

package pool_test

// This file pools connections to a server of somebody else's, redis-server, which
// is killed, stopped, and hangs up on its own. The server in real_test.go does the
// same where there is none.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

// patience bounds every wait for the server.
const patience = 30 * time.Second

// redis is a redis-server that keeps nothing on disk.
type redis struct {
	program, dir string
	cmd          *exec.Cmd
	dials        atomic.Int64
	output       bytes.Buffer // of the one that runs; to be read after its end
}

func newRedis(t *testing.T) *redis {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server in PATH; the server in real_test.go dies and comes back as well")
	}
	dir, err := os.MkdirTemp("", "redis") // short, as the address of a socket must be
	require.NoError(t, err)
	s := &redis{program: program, dir: dir}
	t.Cleanup(func() {
		s.kill()
		os.RemoveAll(dir)
	})
	s.start(t)
	return s
}

func (s *redis) socket() string { return filepath.Join(s.dir, "s") }

// start returns when the server answers.
func (s *redis) start(t *testing.T) {
	s.output.Reset()
	s.cmd = exec.Command(s.program, "--port", "0", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--dir", s.dir)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	require.NoError(t, s.cmd.Start())
	deadline := time.Now().Add(patience)
	for err := errors.New("not asked"); err != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.kill()
			require.Fail(t, "redis-server does not answer", "%v\n%s", err, &s.output)
		}
		_, err = s.ask(t, "PING")
	}
}

// kill is what a kernel without memory does.
func (s *redis) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// ask asks on a connection of its own.
func (s *redis) ask(t *testing.T, args ...string) (string, error) {
	c, err := s.dial(t.Context())
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.do(t.Context(), args...)
}

func (s *redis) dial(ctx context.Context) (*resp, error) {
	s.dials.Add(1)
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", s.socket())
	if err != nil {
		return nil, err
	}
	return &resp{c, bufio.NewReader(c)}, nil
}

// clients returns how many connections the server has, but for the one that asks.
func (s *redis) clients(t *testing.T) int {
	list, err := s.ask(t, "CLIENT", "LIST", "TYPE", "normal")
	require.NoError(t, err)
	return strings.Count(list, "\n") - 1
}

// isLeft returns when all have hung up.
func (s *redis) isLeft(t *testing.T) {
	for deadline := time.Now().Add(patience); s.clients(t) > 0; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "somebody is still connected")
	}
}

// hang stops the server in mid-work, until it goes on.
func (s *redis) hang(t *testing.T) {
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(t, err)
	require.True(t, status.Stopped())
}

func (s *redis) goOn(t *testing.T) { require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT)) }

func (s *redis) pool(o pool.Options[*resp]) *pool.Pool[*resp] {
	o.Open = s.dial
	o.Close = func(c *resp) { c.Close() }
	o.Check = func(ctx context.Context, c *resp) error {
		_, err := c.do(ctx, "PING")
		return err
	}
	return pool.New(o)
}

// resp is a connection that speaks as much of Redis's protocol as is needed.
type resp struct {
	net.Conn
	r *bufio.Reader
}

func (c *resp) do(ctx context.Context, args ...string) (string, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	_ = c.SetDeadline(deadline)
	var request bytes.Buffer
	fmt.Fprintf(&request, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := c.Write(request.Bytes()); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, line := line[0], strings.TrimSpace(line[1:])
	switch kind {
	case '-':
		return "", errors.New(line)
	case '$':
		n, err := strconv.Atoi(line)
		if err != nil || n < 0 {
			return "", fmt.Errorf("no bytes: %q", line)
		}
		text := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(c.r, text)
		return string(text[:n]), err
	}
	return line, nil
}

// errMixedUp is an answer to what somebody else has asked.
var errMixedUp = errors.New("mixed up")

// echo asks once, in an own way, without a second try.
func echo(ctx context.Context, p *pool.Pool[*resp], text string) error {
	h, err := p.Get(ctx)
	if err != nil {
		return err
	}
	defer h.Discard() // unless it was released
	answer, err := h.Value().do(ctx, "ECHO", text)
	if err != nil {
		return err
	}
	h.Release()
	if answer != text {
		return fmt.Errorf("%w: asked %q, answered %q", errMixedUp, text, answer)
	}
	return nil
}

// echoes asks on 16 goroutines, and returns the errors.
func echoes(ctx context.Context, p *pool.Pool[*resp], each int) error {
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for g := range 16 {
		all.Go(func() {
			for i := range each {
				if err := echo(ctx, p, fmt.Sprint(g, " ", i)); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func TestARedisThatIsKilledAndComesBack(t *testing.T) {
	s := newRedis(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	p := s.pool(pool.Options[*resp]{MaxOpen: 4, CheckAfter: -1})
	require.NoError(t, echoes(ctx, p, 20))
	require.LessOrEqual(t, s.clients(t), 4)
	for range 2 {
		s.kill()
		require.ErrorIs(t, echoes(ctx, p, 2), syscall.ECONNREFUSED)
		require.Zero(t, p.Counts().Idle)
		s.start(t)
		require.NoError(t, echoes(ctx, p, 20))
		s.kill()
		s.start(t) // what is idle is dead by now, and nobody gets it
		require.NoError(t, echoes(ctx, p, 20))
	}
	unhealthy := p.Counts().Unhealthy
	require.NotZero(t, unhealthy)

	_, err := s.ask(t, "CLIENT", "KILL", "TYPE", "normal") // all connections but that one
	require.NoError(t, err)
	require.NoError(t, echoes(ctx, p, 20), "it hung up on those that were idle")
	require.Greater(t, p.Counts().Unhealthy, unhealthy)

	require.NoError(t, p.Close(ctx))
	s.isLeft(t)
}

// It dies while it is asked: what was being asked fails, and nothing else.
func TestARedisThatIsKilledUnderLoad(t *testing.T) {
	s := newRedis(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	p := s.pool(pool.Options[*resp]{MaxOpen: 4, CheckAfter: -1})
	var stop atomic.Bool
	var answered, mixedUp, late atomic.Int64
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := 0; !stop.Load(); i++ {
				switch err := echo(ctx, p, fmt.Sprint(g, " ", i)); {
				case err == nil:
					answered.Add(1)
				case errors.Is(err, errMixedUp):
					mixedUp.Add(1)
				case os.IsTimeout(err), ctx.Err() != nil:
					late.Add(1)
				}
			}
		})
	}
	for range 3 {
		before := answered.Load()
		require.Eventually(t, func() bool { return answered.Load() > before+100 }, patience, time.Millisecond)
		s.kill()
		s.start(t)
	}
	stop.Store(true)
	all.Wait()
	require.Zero(t, mixedUp.Load())
	require.Zero(t, late.Load(), "nobody waits for the dead")
	require.NoError(t, echo(ctx, p, "still there?"))
	require.Zero(t, p.Stats().InFlight)
	require.LessOrEqual(t, s.clients(t), 4)
	require.NoError(t, p.Close(ctx))
}

// It hangs, with its connections up: everybody gets away when their own time is
// over, and its late answers go to nobody.
func TestARedisThatHangsHoldsNobodyForLongerThanTheirTime(t *testing.T) {
	s := newRedis(t)
	for _, checks := range []time.Duration{-1, time.Hour} { // of every connection, and of none
		p := s.pool(pool.Options[*resp]{MaxOpen: 4, CheckAfter: checks})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		require.NoError(t, echoes(ctx, p, 5))
		s.hang(t)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		dials := s.dials.Load()
		require.Error(t, echoes(short, p, 1))
		require.LessOrEqual(t, s.dials.Load()-dials, int64(16), "one for each call")
		require.Zero(t, p.Stats().InFlight)
		require.Zero(t, p.Stats().Waiting)
		s.goOn(t)
		require.NoError(t, echoes(ctx, p, 20))
		require.NoError(t, p.Close(ctx))
		s.isLeft(t)
	}
}
