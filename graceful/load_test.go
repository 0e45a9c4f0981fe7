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
	"strconv"
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
	late     atomic.Int64 // the same, on a connection that had been silent for the settle time

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
		last := time.Now() // the server may have accepted long before Dial returns
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
			a, err := exchange(c, r, fmt.Sprintf("client %d request %d", id, n), keep)
			if err != nil {
				c.Close()
				if a.sent.Sub(last) >= settle {
					l.late.Add(1)
					return
				}
				l.lose(fmt.Sprintf("keep=%v, silent for %v: %v", keep, a.sent.Sub(last).Round(5*time.Millisecond), err))
				return
			}
			l.answered.Add(1)
			again, last = a.again, a.answered
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

// settle is the silence after which a server that stops may close, as the
// package promises. A client on this machine may be kept from its turn for that
// long by other processes: then it is late by its own doing, counted apart.
const settle = 50 * time.Millisecond

// answer says of one request when it was sent, when the server answered it by
// its own clock, and whether the connection may be used again.
type answer struct {
	sent, answered time.Time
	again          bool
}

// exchange sends one POST and reads the whole answer.
func exchange(c net.Conn, r *bufio.Reader, body string, keep bool) (a answer, err error) {
	c.SetDeadline(time.Now().Add(patience))
	head := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n", len(body))
	if !keep {
		head += "Connection: close\r\n"
	}
	_, err = io.WriteString(c, head+"\r\n"+body)
	a.sent = time.Now()
	if err != nil {
		return a, fmt.Errorf("write: %w", err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return a, fmt.Errorf("head: %w", err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != body {
		return a, fmt.Errorf("body %q: %w", got, err)
	}
	nanos, err := strconv.ParseInt(resp.Header.Get("Answered"), 10, 64)
	a.answered, a.again = time.Unix(0, nanos), !resp.Close
	return a, err
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
	t.Logf("%s: %d answered, %d lost, %d late, %d refused; %v", mode, l.answered.Load(), l.lost.Load(), l.late.Load(), l.refused.Load(), l.mu.why)
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
