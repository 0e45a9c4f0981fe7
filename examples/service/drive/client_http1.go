package drive

// The http/1.1 client: written here because net/http's retries what it takes
// to be safe, and the question is what a client sees that doesn't.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// http1 is one connection, or one after the other. Only its worker uses it.
type http1 struct {
	addr string
	keep bool // keep-alive; else one connection per request

	conn net.Conn
	in   *bufio.Reader
	used bool // conn has carried a request before
}

var errClosed = errors.New("the server has closed the connection")

// connect dials unless there is a connection.
func (c *http1) connect(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	conn, err := dial(ctx, c.addr)
	if err != nil {
		return err
	}
	c.conn, c.in, c.used = conn, bufio.NewReaderSize(conn, 1024), false
	return nil
}

// do makes the n-th request on the connection. It looks first whether the
// server has closed it since the last answer, as every pool of connections
// does: on a busy machine the close can lie there for a long time, and a
// request that is sent after it is the client's mistake.
func (c *http1) do(ctx context.Context, n int) result {
	if c.used && closedByPeer(c.conn) {
		c.close()
		return result{unsent, errClosed}
	}
	c.conn.SetDeadline(deadline(ctx))
	request, want := c.request(n)
	used := c.used
	c.used = true
	sent, err := c.conn.Write(request)
	if err != nil {
		c.close()
		if sent == 0 && used {
			return result{unsent, err}
		}
		return result{lost, fmt.Errorf("writing: %w", err)}
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.close()
		return result{lost, fmt.Errorf("reading the header: %w", err)}
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.Close || !c.keep {
		c.close()
	}
	if err != nil {
		return result{lost, fmt.Errorf("reading the body: %w", err)}
	}
	return ofStatus(response.StatusCode, bytes.Equal(body, want))
}

// request returns the bytes of the n-th request and the body of its answer:
// mostly an echo, and now and then a GET that takes a while.
func (c *http1) request(n int) (request, want []byte) {
	connection := "keep-alive"
	if !c.keep {
		connection = "close"
	}
	if d := pause(n); d > 0 {
		return fmt.Appendf(nil, "GET /slow?d=%v HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n", d, c.addr, connection),
			fmt.Appendf(nil, "slept %v\n", d)
	}
	body := echoBody(n)
	return fmt.Appendf(nil, "POST /echo HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s",
		c.addr, connection, len(body), body), body
}

func (c *http1) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// deadline is when a request that starts now has been waited for long enough.
func deadline(ctx context.Context) time.Time {
	end := time.Now().Add(answerTime)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		return d
	}
	return end
}
