package drive

// Servers that are wrong on purpose, for the question on which all else
// rests: does a client call lost what is lost?
//
// The tests of this package are inside of it: its one export starts
// processes, and what must not be hollow is below that.

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for a socket in these tests.
const patience = 10 * time.Second

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// faulty is a server that does the same to each of its connections.
type faulty struct {
	addr     string
	accepted atomic.Int64
}

// newFaulty starts one; it is gone when the test ends.
func newFaulty(t *testing.T, serve func(*net.TCPConn)) *faulty {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	f := &faulty{addr: ln.Addr().String()}
	go func() { // ends with ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.accepted.Add(1)
			go func() { // ends with the client's connection
				defer conn.Close()
				serve(conn.(*net.TCPConn))
			}()
		}
	}()
	return f
}

// one makes one request, dial included, as a worker does.
func one(ctx context.Context, c client, n int) result {
	if err := c.connect(ctx); err != nil {
		return ofError(err)
	}
	return c.do(ctx, n)
}

// closedAddr returns an address at which nobody listens any more.
func closedAddr(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// readRequest reads one request from the connection, to its end.
func readRequest(conn *net.TCPConn) {
	if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		io.Copy(io.Discard, r.Body)
	}
}

// reset closes the connection with a reset.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// answer reads a request and writes text, whatever was asked for.
func answer(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		readRequest(conn)
		io.WriteString(conn, text)
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
	}
}

// echoAnswer is the whole answer to the echo with number 1.
func echoAnswer(header string) string {
	body := echoBody(1)
	return "HTTP/1.1 200 OK\r\nContent-Length: " + count(len(body)) + "\r\n" + header + "\r\n" + string(body)
}
