package graceful_test

// A load of clients that never retry, and what they lose in a stop.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load counts what became of the requests of many clients.
type load struct {
	addr     string
	answered atomic.Int64
	refused  atomic.Int64 // dialled when nobody listened any more
	lost     atomic.Int64 // sent, or dialled with success, and no whole answer

	mu struct {
		sync.Mutex
		why map[string]int
	}
	wg sync.WaitGroup
}

// startLoad starts n clients that keep their connections and n that don't.
// Each ends when it is refused.
func startLoad(addr string, n int) *load {
	l := &load{addr: addr}
	l.mu.why = map[string]int{}
	for i := range n {
		l.wg.Go(func() { l.client(i, true) })
		l.wg.Go(func() { l.client(i, false) })
	}
	return l
}

// client sends requests one after another until it is refused or loses one.
func (l *load) client(id int, keep bool) {
	for n := 0; ; {
		c, err := net.DialTimeout("tcp", l.addr, patience)
		if errors.Is(err, syscall.ECONNREFUSED) {
			l.refused.Add(1)
			return
		}
		if err != nil {
			l.lose("dial: " + err.Error())
			return
		}
		r := bufio.NewReader(c)
		for again := true; again; n++ {
			again, err = exchange(c, r, fmt.Sprintf("client %d request %d", id, n), keep)
			if err != nil {
				l.lose(fmt.Sprintf("keep=%v: %v", keep, err))
				c.Close()
				return
			}
			l.answered.Add(1)
		}
		c.Close()
	}
}

var port = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func (l *load) lose(why string) {
	l.lost.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.why[port.ReplaceAllString(why, "ADDR")]++
}

// exchange sends one POST and reads the whole answer; it reports whether the
// connection may be used again.
func exchange(c net.Conn, r *bufio.Reader, body string, keep bool) (bool, error) {
	c.SetDeadline(time.Now().Add(patience))
	head := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n", len(body))
	if !keep {
		head += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"+body); err != nil {
		return false, fmt.Errorf("write: %w", err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return false, fmt.Errorf("head: %w", err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != body {
		return false, fmt.Errorf("body %q: %w", got, err)
	}
	return !resp.Close, nil
}

// stopUnderLoad starts a child of the given kind, signals it in the middle of
// the load and returns what the clients saw.
func stopUnderLoad(t *testing.T, mode string) *load {
	c := start(t, mode)
	l := startLoad(c.addr, 64)
	limit := time.Now().Add(patience)
	for l.answered.Load() < 2000 && time.Now().Before(limit) {
		wait(time.Millisecond)
	}
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
	l.wg.Wait()
	t.Logf("%s: %d answered, %d lost, %d refused; %v", mode, l.answered.Load(), l.lost.Load(), l.refused.Load(), l.mu.why)
	require.Greater(t, l.answered.Load(), int64(2000))
	return l
}

func TestAStopUnderLoadLosesNoRequest(t *testing.T) {
	for range 3 {
		l := stopUnderLoad(t, "http")
		require.Zero(t, l.lost.Load(), "%v", l.mu.why)
	}
}

func TestAPlainShutdownUnderTheSameLoadLosesSome(t *testing.T) {
	for range 5 {
		if stopUnderLoad(t, "plain").lost.Load() > 0 {
			return
		}
	}
	require.Fail(t, "the control lost nothing: this load proves nothing")
}
