//go:build unix

package graceful_test

// Processes that are frozen. A client in the middle of a stream that never ends:
// neither the stream nor the connection comes to an end by itself, and nothing
// tells the server so, which has the shape of gRPC's. And a process that is
// frozen while it stops.

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() {
	plays["streams"] = playStreams
	plays["reads"] = playReads
}

// streamServer sends to every connection for ever. Its GracefulStop waits for
// the streams, and has no bound.
type streamServer struct {
	mu      sync.Mutex
	conns   []net.Conn
	streams sync.WaitGroup
}

func (s *streamServer) Serve(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		s.streams.Go(func() { // ends with its connection
			for b := make([]byte, 64<<10); ; {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		})
	}
}

func (s *streamServer) GracefulStop() { s.streams.Wait() }

func (s *streamServer) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func playStreams(string) int {
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	c := graceful.GRPC("rpc", "127.0.0.1:0", &streamServer{})
	c.Limit = time.Second
	m.Add(1, worker("db"))
	m.Add(2, c)
	m.Add(3, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s", m.Addr("rpc"))
		return nil
	}})
	report, _ := m.Run(context.Background())
	say("%s", report)
	return report.ExitCode()
}

func playReads(addr string) int {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 1
	}
	if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
		return 1
	}
	say("ready -")
	_, _ = io.Copy(io.Discard, c)
	return 0
}

func TestAStreamToAClientThatIsStoppedIsCutAtItsLimitAndNamed(t *testing.T) {
	t.Parallel()
	server := start(t, "streams")
	client := start(t, "reads:"+server.addr)
	client.signal(syscall.SIGSTOP)
	server.signal(syscall.SIGTERM)
	require.Equal(t, 3, server.exit(), "%s", server.output())
	require.Regexp(t, `(?m)^  rpc +cut +1\.\d s of 1\.0 s `, server.output())
	require.Regexp(t, `(?m)^      I/O, 1 goroutine, graceful_test\.\(\*streamServer\)\.Serve\.func1 \S+/frozen_test\.go:\d+$`, server.output())
	require.Regexp(t, `(?m)^  db +stopped `, server.output())
	client.signal(syscall.SIGCONT)
	require.Equal(t, 0, client.exit(), "%s", client.output())
}

func TestAStopThatWasFrozenForLongerThanItsBudgetEndsWhenItGoesOn(t *testing.T) {
	t.Parallel()
	c := start(t, "culprit")
	c.signal(syscall.SIGTERM)
	c.line("stopping")
	c.signal(syscall.SIGSTOP)
	wait(killBudget + 100*time.Millisecond)
	c.signal(syscall.SIGCONT)
	require.Equal(t, 3, c.exit(), "%s", c.output())
	require.Regexp(t, `graceful: stopped" .* took=[3-9]\.\d+s code=3 components="(.*; )?consumer \(stuck\): `, c.output())
}
