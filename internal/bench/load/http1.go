package load

// This file is the client of http/1.1. It is written here because net/http's
// tries again where it takes that for safe, and the question is what one sees
// that doesn't.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/belay-go/belay/internal/bench/served"
)

// http1 is one connection, or one after the other. Only its worker uses it.
type http1 struct {
	addr string
	dial func(addr string) (net.Conn, error)
	keep bool // keep-alive, else a connection per request

	conn net.Conn
	in   *bufio.Reader
	used bool      // conn has carried a request before
	last time.Time // when the server last heard of us or we of it
}

var errUnsent = errors.New("closed before a byte was sent")

// do posts body. It looks first whether the server has closed the connection
// since the last answer, as every pool of connections does.
func (c *http1) do(body string, sending func()) (Outcome, error) {
	for {
		if c.conn != nil && c.used && closedByPeer(c.conn) {
			c.close()
		}
		if err := c.connect(); err != nil {
			return ofError(err, false, 0)
		}
		sending()
		sent, err := c.exchange(body)
		if errors.Is(err, errUnsent) {
			continue // nothing was asked
		}
		if err != nil {
			c.close()
			return ofError(err, true, sent.Sub(c.last))
		}
		return Answered, nil
	}
}

// connect dials unless there is a connection.
func (c *http1) connect() (err error) {
	if c.conn != nil {
		return nil
	}
	c.last = time.Now() // the server may have accepted long before dial returns
	if c.conn, err = c.dial(c.addr); err != nil {
		return err
	}
	c.in, c.used = bufio.NewReaderSize(c.conn, 1024), false
	return nil
}

// exchange sends one request and reads its answer. sent is not zero once there
// may be something of it on the way.
func (c *http1) exchange(body string) (sent time.Time, err error) {
	connection := "keep-alive"
	if !c.keep {
		connection = "close"
	}
	used := c.used
	c.used = true
	_ = c.conn.SetDeadline(time.Now().Add(answerTime))
	n, err := fmt.Fprintf(c.conn, "POST / HTTP/1.1\r\nHost: bench\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s", connection, len(body), body)
	sent = time.Now()
	if err != nil && n == 0 && used {
		c.close()
		return time.Time{}, errUnsent
	}
	if err != nil {
		return sent, fmt.Errorf("writing: %w", err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return sent, fmt.Errorf("reading the head: %w", err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return sent, fmt.Errorf("reading the body: %w", err)
	}
	if resp.StatusCode != http.StatusOK || string(got) != body {
		return sent, errOdd
	}
	c.last = answerTimeOf(resp)
	if resp.Close || !c.keep {
		c.close()
	}
	return sent, nil
}

func (c *http1) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// answerTimeOf returns when the server answered, by the clock that it shares
// with us.
func answerTimeOf(resp *http.Response) time.Time {
	nanos, _ := strconv.ParseInt(resp.Header.Get(served.AnsweredAt), 10, 64)
	return time.Unix(0, nanos)
}
