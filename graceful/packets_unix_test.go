//go:build unix

package graceful_test

// Datagrams over restarts, and from a supervisor: real processes, and clients
// that count answers.

import (
	"context"
	"fmt"
	"log/slog"
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

	"github.com/belay-go/belay/graceful"
)

func init() { plays["packets"] = playPackets }

// playPackets answers datagrams with its pid and their text, and may be
// replaced.
func playPackets(addr string) int {
	probation, _ := time.ParseDuration(os.Getenv("PROBATION"))
	var m *graceful.Manager
	m = graceful.New(graceful.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)), TerminationLog: "-", Budget: 5 * time.Second,
		Restart: graceful.RestartOptions{Enabled: true, Probation: probation, Draining: 9},
		OnReady: func() { say("ready %s %d %d", m.Addr("packets"), os.Getpid(), m.Report().Generation) },
	})
	m.Add(1, graceful.Component{Name: "packets", Addr: addr, ServePacket: echoPackets(strconv.Itoa(os.Getpid()) + " ")})
	if fault := faults[os.Getenv("FAULT")]; fault != nil {
		m.Add(2, graceful.Component{Name: "fault", Start: func(context.Context) error { return fault(m) }})
	}
	report, err := m.Run(context.Background())
	say("process %d is done: %v", os.Getpid(), err)
	return report.ExitCode()
}

func servePackets(t *testing.T, addr string, pairs ...string) *service {
	t.Helper()
	s := &service{child: spawn(t, "packets:"+addr, env(pairs...))}
	t.Cleanup(func() { _ = syscall.Kill(s.pid, syscall.SIGKILL) })
	s.ready()
	return s
}

// answerer sends a datagram and returns who has answered.
func answerer(t *testing.T, network, addr string) func(text string) (pid string, err error) {
	t.Helper()
	c, err := net.Dial(network, addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return func(text string) (string, error) {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return "", err
		}
		if _, err := c.Write([]byte(text)); err != nil {
			return "", err
		}
		b := make([]byte, 100)
		n, err := c.Read(b)
		if err != nil {
			return "", err
		}
		pid, got, _ := strings.Cut(string(b[:n]), " ")
		if got != text {
			return "", fmt.Errorf("%q answered with %q", text, got)
		}
		return pid, nil
	}
}

func TestEveryDatagramIsAnsweredOnceInTenRestarts(t *testing.T) {
	t.Parallel()
	s := servePackets(t, "udp:127.0.0.1:0", "PROBATION=20ms")
	var answered atomic.Int64
	var failed atomic.Value
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 8 {
		send := answerer(t, "udp", s.addr)
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := send(fmt.Sprintf("%d/%d", i, n)); err != nil {
					failed.CompareAndSwap(nil, fmt.Errorf("client %d, datagram %d: %w", i, n, err))
					return
				}
				answered.Add(1)
			}
		})
	}
	for range 10 {
		at, limit := answered.Load(), time.Now().Add(patience)
		for answered.Load() < at+200 && time.Now().Before(limit) {
			wait(time.Millisecond)
		}
		old := s.pid
		s.kill(syscall.SIGUSR2)
		s.ready()
		s.said(fmt.Sprintf("process %d is done: <nil>", old))
	}
	pid, err := answerer(t, "udp", s.addr)("who")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(s.pid), pid)
	close(stop)
	wg.Wait()
	require.Nil(t, failed.Load())
	require.Equal(t, 10, s.generation)
	require.Greater(t, answered.Load(), int64(2000))
	t.Logf("%d answered", answered.Load())
	s.kill(syscall.SIGTERM)
	s.said(fmt.Sprintf("process %d is done: <nil>", s.pid))
}

func TestOnProbationOnlyTheNewProcessReadsDatagramsAndTheOldOneDoesSoAgain(t *testing.T) {
	t.Parallel()
	s := servePackets(t, "udp:127.0.0.1:0", "PROBATION=20s", "FAULT=dies on probation")
	old := s.pid
	send := answerer(t, "udp", s.addr)
	s.kill(syscall.SIGUSR2)
	s.ready()
	s.said("serves again")
	for i := range 20 {
		pid, err := send(fmt.Sprint(i))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(old), pid)
	}
	s.pid = old
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())

	s = servePackets(t, "udp:127.0.0.1:0", "PROBATION=20s")
	send = answerer(t, "udp", s.addr)
	s.kill(syscall.SIGUSR2)
	s.ready()
	for i := range 20 {
		pid, err := send(fmt.Sprint(i))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(s.pid), pid)
	}
	s.kill(syscall.SIGTERM)
}

func TestAUnixSocketOfDatagramsIsHandedOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	s := servePackets(t, "unixgram:"+path, "PROBATION=-1ns")
	first := s.pid
	s.kill(syscall.SIGUSR2)
	s.ready()
	s.said(fmt.Sprintf("process %d is done: <nil>", first))
	require.FileExists(t, path, "the new process needs it")
	s.kill(syscall.SIGTERM)
	s.said(fmt.Sprintf("process %d is done: <nil>", s.pid))
	require.NoFileExists(t, path)
}

// A supervisor's socket is found by its name, or else by its address.
func TestASupervisorsSocketOfDatagramsIsTaken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"packets", "another"} {
		bound, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		defer bound.Close()
		f, err := bound.(*net.UDPConn).File()
		require.NoError(t, err)
		defer f.Close()
		addr := bound.LocalAddr().String()
		asked := "udp:" + addr
		if name == "packets" {
			asked = "udp:127.0.0.1:1" // which nobody could bind
		}
		s := &service{child: spawn(t, "packets:"+asked, env("LISTEN_FDS=1", "LISTEN_FDNAMES="+name), func(cmd *exec.Cmd) {
			cmd.ExtraFiles = []*os.File{f}
			cmd.Args = []string{"sh", "-c", `LISTEN_PID=$$ exec "$0"`, cmd.Path}
			cmd.Path = "/bin/sh"
		})}
		s.ready()
		require.Equal(t, addr, s.addr)
		send := answerer(t, "udp", addr)
		pid, err := send("hello")
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(s.pid), pid)
		s.kill(syscall.SIGTERM)
		require.Equal(t, 0, s.exit(), "%s", s.output())
	}
}
