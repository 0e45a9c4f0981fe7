package load

// This file has the clients that people use for h2 and for grpc, one connection
// each.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/belay-go/belay/internal/bench/served"
)

// noted is a connection that knows how long its client is silent.
type noted struct {
	net.Conn
	mu struct {
		sync.Mutex
		last    time.Time // of a write, or of the dial
		silence time.Duration
	}
}

func (c *noted) Write(p []byte) (int, error) {
	now := time.Now()
	c.mu.Lock()
	c.mu.silence = max(c.mu.silence, now.Sub(c.mu.last))
	c.mu.last = now
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// line is what a stock client dials with, and what is known of the connection
// that it dialled last.
type line struct {
	dial     func(addr string) (net.Conn, error)
	conn     atomic.Pointer[noted]
	answered time.Time // when the server last answered; zero on a new connection
}

func (l *line) connect(_ context.Context, addr string) (net.Conn, error) {
	n := new(noted)
	n.mu.last = time.Now() // the server may have accepted long before dial returns
	c, err := l.dial(addr)
	if err != nil {
		return nil, err
	}
	n.Conn = c
	l.conn.Store(n)
	return n, nil
}

// silence is for how long the client did not speak before it sent a request: at
// most in the handshake, if it comes to none or to the first one.
func (l *line) silence(sent time.Time) time.Duration {
	if !l.answered.IsZero() && !sent.IsZero() {
		return sent.Sub(l.answered)
	}
	n := l.conn.Load()
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.silence
}

// h2 is a stock http.Client with a body that it can send again. Only its worker
// uses it.
type h2 struct {
	line
	url       string
	transport *http.Transport
}

func newH2(p served.Protocol, addr string, dial func(addr string) (net.Conn, error)) *h2 {
	c := &h2{line: line{dial: dial}, url: p.URL(addr)}
	c.transport = served.Transport(p, func(ctx context.Context, _, addr string) (net.Conn, error) {
		return c.connect(ctx, addr)
	})
	return c
}

func (c *h2) do(body string, sending func()) (Outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	sending()
	var wrote atomic.Pointer[time.Time]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { now := time.Now(); wrote.Store(&now) }})
	resp, got, err := c.post(ctx, body)
	if err != nil {
		var sent time.Time
		if t := wrote.Load(); t != nil {
			sent = *t
		}
		o, err := ofError(err, !sent.IsZero(), c.silence(sent))
		c.close() // in case that it is as good as dead
		return o, err
	}
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || got != body {
		return Lost, fmt.Errorf("%w: %s %s", errOdd, resp.Proto, resp.Status)
	}
	c.answered = answerTimeOf(resp)
	return Answered, nil
}

func (c *h2) post(ctx context.Context, body string) (resp *http.Response, got string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	client := http.Client{Transport: c.transport}
	resp, err = client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, "", fmt.Errorf("reading the body: %w", err)
	}
	return resp, string(all), nil
}

func (c *h2) close() {
	c.transport.CloseIdleConnections()
	c.answered = time.Time{}
}

// rpc is a stock grpc client. Only its worker uses it.
type rpc struct {
	line
	addr   string
	stream bool // conversations; else unary calls
	conn   *grpc.ClientConn
}

func newRPC(addr string, dial func(addr string) (net.Conn, error), stream bool) *rpc {
	return &rpc{line: line{dial: dial}, addr: addr, stream: stream}
}

func (c *rpc) do(body string, sending func()) (Outcome, error) {
	if c.conn == nil {
		conn, err := served.Client(c.addr, c.connect)
		if err != nil {
			return Failed, err
		}
		c.conn = conn
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	sending()
	ctx, sent := served.Sent(ctx)
	call := served.Call
	if c.stream {
		call = served.Converse
	}
	got, err := call(ctx, c.conn, body)
	if err == nil && got != body {
		err = errOdd
	}
	if err != nil {
		o, err := ofError(err, !sent().IsZero(), c.silence(sent()))
		// For a while the connection would fail every call with the same error,
		// and one loss be counted many times.
		c.close()
		return o, err
	}
	c.answered = time.Now()
	return Answered, nil
}

func (c *rpc) close() {
	c.answered = time.Time{}
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
