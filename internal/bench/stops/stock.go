package main

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
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/belay-go/belay/internal/bench/served"
)

// h2 is a stock http.Client with a body that it can send again. Only its worker
// uses it.
type h2 struct {
	url       string
	transport *http.Transport
	last      time.Time // when the server last answered
}

func newH2(p served.Protocol, addr string, dial func(addr string) (net.Conn, error)) *h2 {
	return &h2{
		url: p.URL(addr),
		transport: served.Transport(p, func(_ context.Context, _, addr string) (net.Conn, error) {
			return dial(addr)
		}),
	}
}

func (c *h2) do(body string, sending func()) (outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	sending()
	if c.last.IsZero() {
		c.last = time.Now() // it dials
	}
	var sent atomic.Pointer[time.Time]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { now := time.Now(); sent.Store(&now) }})
	resp, got, err := c.post(ctx, body)
	if err != nil {
		at := time.Time{}
		if t := sent.Load(); t != nil {
			at = *t
		}
		return ofError(err, at, c.last, settle+linger)
	}
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || got != body {
		return lost, fmt.Errorf("%w: %s %s", errOdd, resp.Proto, resp.Status)
	}
	c.last = answerTimeOf(resp)
	return answered, nil
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
	c.last = time.Time{}
}

// rpc is a stock grpc client. Only its worker uses it.
type rpc struct {
	addr string
	dial func(addr string) (net.Conn, error)
	conn *grpc.ClientConn
	last time.Time
}

func (c *rpc) do(body string, sending func()) (outcome, error) {
	if c.conn == nil {
		conn, err := served.Client(c.addr, func(_ context.Context, addr string) (net.Conn, error) { return c.dial(addr) })
		if err != nil {
			return failed, err
		}
		c.conn, c.last = conn, time.Now()
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	sending()
	ctx, sent := served.Sent(ctx)
	got, err := served.Call(ctx, c.conn, body)
	if err == nil && got != body {
		err = errOdd
	}
	if err != nil {
		// For a while the connection would fail every call with the same error,
		// and one loss be counted many times.
		c.close()
		return ofError(err, sent(), c.last, settle+linger)
	}
	c.last = time.Now()
	return answered, nil
}

func (c *rpc) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
