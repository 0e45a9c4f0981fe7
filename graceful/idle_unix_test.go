//go:build unix

package graceful_test

// Idle connections that go along when another process takes this one's place:
// clients that count how often they dial.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A keeper is a client that has one connection and sends nothing twice.
type keeper struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func keep(t *testing.T, network, addr string) *keeper {
	t.Helper()
	c, err := net.DialTimeout(network, addr, patience)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &keeper{t: t, conn: c, r: bufio.NewReader(c)}
}

func keepMany(t *testing.T, addr string, n int) []*keeper {
	t.Helper()
	many := make([]*keeper, n)
	for i := range many {
		many[i] = keep(t, "tcp", addr)
		require.NoError(t, many[i].post(fmt.Sprint("first ", i)))
	}
	return many
}

// post sends a POST; its error is also that the server wants no other.
func (k *keeper) post(body string) error {
	a, err := exchange(k.conn, k.r, body, true)
	if err == nil && !a.again {
		return fmt.Errorf("sent away")
	}
	return err
}

func (k *keeper) write(text string) {
	k.t.Helper()
	require.NoError(k.t, k.conn.SetDeadline(time.Now().Add(patience)))
	_, err := io.WriteString(k.conn, text)
	require.NoError(k.t, err)
}

// read returns the next answer.
func (k *keeper) read() string {
	k.t.Helper()
	resp, err := http.ReadResponse(k.r, nil)
	require.NoError(k.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(k.t, err)
	return string(body)
}

// arrives asks until the process that s knows of answers.
func (k *keeper) arrives(s *service) {
	k.t.Helper()
	for limit := time.Now().Add(patience); ; {
		k.write("GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
		if k.read() == strconv.Itoa(s.pid) {
			return
		}
		require.True(k.t, time.Now().Before(limit))
	}
}

func TestIdleAndBusyClientsNeverReconnectInTwentyRestarts(t *testing.T) {
	s := serve(t, "PROBATION=-1ns", "IDLE=goes")
	idle := keepMany(t, s.addr, 200)
	busy := keepMany(t, s.addr, 32)
	var answered atomic.Int64
	var lost sync.Map
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, k := range busy {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := k.post(fmt.Sprintf("busy %d %d", i, n)); err != nil {
					lost.Store(i, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	for n := range 20 {
		at, limit := answered.Load(), time.Now().Add(patience)
		for answered.Load() < at+100 && time.Now().Before(limit) {
			wait(time.Millisecond)
		}
		s.replace()
		for i, k := range idle { // a few of them each time; most are silent for long
			if i%20 == n {
				require.NoError(t, k.post(fmt.Sprintf("idle %d %d", i, n)), "client %d after restart %d\n%s", i, n, s.output())
			}
		}
	}
	close(stop)
	wg.Wait()
	for i, err := range lost.Range {
		require.NoError(t, err.(error), "busy client %v", i)
	}
	for i, k := range idle {
		require.NoError(t, k.post(fmt.Sprint("last ", i)), "client %d", i)
	}
	require.Equal(t, 20, s.generation)
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	require.Contains(t, s.output(), "handed over ")
	t.Logf("%d answered on %d connections", answered.Load(), len(idle)+len(busy))
}

func TestIdleConnectionsOfAUnixSocketGoAlong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	s := &service{child: spawn(t, "restart", env("SOCKET="+path, "IDLE=goes", "PROBATION=20s"))}
	s.ready()
	k := keep(t, "unix", path)
	k.write("GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
	require.Equal(t, strconv.Itoa(s.pid), k.read())
	s.kill(syscall.SIGUSR2)
	s.ready()
	k.arrives(s)
	s.kill(syscall.SIGTERM)
}

// Only what nobody has read a part of can go.
func TestWhatTheOldProcessHasReadItAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=20s", "IDLE=goes")
	old := strconv.Itoa(s.pid)
	const get = "GET /pid HTTP/1.1\r\nHost: test\r\n\r\n"
	const slow = "GET /slow?d=500ms HTTP/1.1\r\nHost: test\r\n\r\n"
	heads := map[string]*keeper{}
	for _, half := range []string{"G", "GET ", "GET /pid HTTP/1.1\r\n", "GET /pid HTTP/1.1\r\nHo"} {
		k := keep(t, "tcp", s.addr)
		k.write(get)
		require.Equal(t, old, k.read())
		k.write(half)
		heads[half] = k
	}
	pipelined := map[string]*keeper{}
	for _, half := range []string{"", "G", "GET", "GET /p", get[:len(get)-1], get} {
		k := keep(t, "tcp", s.addr)
		k.write(slow + half)
		pipelined[half] = k
	}
	idle := keep(t, "tcp", s.addr)
	idle.write(get)
	require.Equal(t, old, idle.read())
	silent := keep(t, "tcp", s.addr)
	wait(50 * time.Millisecond) // for all of it to have been read
	require.Empty(t, s.restart())
	s.ready()
	for half, k := range heads {
		k.write(get[len(half):])
		require.Equal(t, old, k.read(), "%q", half)
	}
	for half, k := range pipelined {
		require.Equal(t, "begin end", k.read(), "%q", half)
		k.write(get[len(half):])
		got := k.read()
		if half == "" {
			k.arrives(s)
		} else {
			require.Equal(t, old, got, "%q", half)
		}
	}
	for _, k := range []*keeper{idle, silent} {
		k.arrives(s)
	}
	s.kill(syscall.SIGTERM)
}

func TestConnectionsThatTheProgramFollowsStay(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=20s", "IDLE=followed")
	old := strconv.Itoa(s.pid)
	k := keep(t, "tcp", s.addr)
	k.write("GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
	require.Equal(t, old, k.read())
	require.Empty(t, s.restart())
	s.ready()
	k.write("GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
	require.Equal(t, old, k.read())
	s.kill(syscall.SIGTERM)
}

func TestNothingHasGoneIfTheNewProcessDiesBeforeItAccepts(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"fails", "exits", "dies"} {
		s := serve(t, "FAULT="+fault, "IDLE=goes")
		many := keepMany(t, s.addr, 50)
		require.Contains(t, s.restart(), "has ended")
		for i, k := range many {
			require.NoError(t, k.post(fmt.Sprint("again ", i)))
		}
		s.kill(syscall.SIGTERM)
		require.Equal(t, 0, s.exit(), "%s", s.output())
	}
}

// What had gone by then is lost, and no more: the others are served on, and so
// is everybody who dials.
func TestTheOldProcessServesOnWhatHasNotGoneIfTheNewOneIsKilled(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"dies when it accepts", "dies on probation"} {
		s := serve(t, "FAULT="+fault, "IDLE=goes", "PROBATION=20s")
		old := s.pid
		many := keepMany(t, s.addr, 300)
		_ = s.restart() // whether it counts as one depends on when the kill comes
		s.pid = old
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		for limit := time.Now().Add(patience); ; {
			resp, err := client.Get("http://" + s.addr + "/pid")
			if err == nil && bodyOf(resp) == strconv.Itoa(old) {
				break // until the kill it is the other one, or an error
			}
			require.True(t, time.Now().Before(limit))
		}
		answered, ended := 0, 0
		for i, k := range many {
			if err := k.post(fmt.Sprint("again ", i)); err != nil {
				require.False(t, timedOutErr(err), "a connection that nobody serves: %v", err)
				ended++
				continue
			}
			answered++
		}
		t.Logf("%s: %d answered, %d ended", fault, answered, ended)
		require.NoError(t, keep(t, "tcp", s.addr).post("dialled"))
		s.kill(syscall.SIGTERM)
		require.Equal(t, 0, s.exit(), "%s", s.output())
	}
}

func bodyOf(resp *http.Response) string {
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // which may be cut
	return string(body)
}

func timedOutErr(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
