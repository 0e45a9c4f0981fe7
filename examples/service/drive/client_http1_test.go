//go:build unix

package drive

// The http/1.1 client against every way in which a server can fail it.

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnHTTP1RequestIsCalledWhatBecameOfIt(t *testing.T) {
	whole := echoAnswer("")
	for name, test := range map[string]struct {
		serve func(*net.TCPConn)
		want  outcome
	}{
		"answered in full":             {answer(whole), answered},
		"answered, then reset":         {func(c *net.TCPConn) { readRequest(c); io.WriteString(c, whole); reset(c) }, answered},
		"closed after accept":          {func(*net.TCPConn) {}, lost},
		"reset after accept":           {reset, lost},
		"closed after the request":     {func(c *net.TCPConn) { readRequest(c) }, lost},
		"reset after the request":      {func(c *net.TCPConn) { readRequest(c); reset(c) }, lost},
		"half a status line":           {answer(whole[:7]), lost},
		"half a header":                {answer(whole[:25]), lost},
		"no body":                      {answer(whole[:len(whole)-len(echoBody(1))]), lost},
		"all but the last byte":        {answer(whole[:len(whole)-1]), lost},
		"all but the last chunk":       {answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), lost},
		"a body of another request":    {answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), odd},
		"an error":                     {answer("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), odd},
		"an error, cut short":          {answer("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n"), lost},
		"too many requests":            {answer("HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"), shed},
		"unavailable, but politely so": {answer("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), shed},
	} {
		t.Run(name, func(t *testing.T) {
			for _, keep := range []bool{true, false} {
				server := newFaulty(t, test.serve)
				c := &http1{addr: server.addr, keep: keep}
				defer c.close()
				r := one(testContext(t), c, 1)
				// Anything but one answer may be a reset that comes before
				// the answer is read; not so here, where the server waits.
				require.Equal(t, test.want, r.outcome, "%v", r.err)
				require.EqualValues(t, 1, server.accepted.Load(), "a request was tried twice")
			}
		})
	}
}

func TestARequestThatIsNeverAnsweredIsLost(t *testing.T) {
	server := newFaulty(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	c := &http1{addr: server.addr, keep: true}
	require.NoError(t, c.connect(t.Context()))
	require.Equal(t, lost, c.do(ctx, 1).outcome)
	require.Nil(t, c.conn, "a late answer must not be taken for the next one")
}

func TestADialToAClosedPortIsRefused(t *testing.T) {
	for _, keep := range []bool{true, false} {
		r := one(testContext(t), &http1{addr: closedAddr(t), keep: keep}, 1)
		require.Equal(t, refused, r.outcome, "%v", r.err)
	}
}

func TestARequestOfWhichNoByteWentOutIsNotCounted(t *testing.T) {
	server := newFaulty(t, answer(echoAnswer("")))
	c := &http1{addr: server.addr, keep: true}
	require.Equal(t, answered, one(testContext(t), c, 1).outcome)
	require.NotNil(t, c.conn)
	// As the kernel does when the server's reset has arrived.
	require.NoError(t, c.conn.(*net.TCPConn).CloseWrite())
	require.Equal(t, unsent, one(testContext(t), c, 1).outcome)
	require.Equal(t, answered, one(testContext(t), c, 1).outcome)
	require.EqualValues(t, 2, server.accepted.Load())
}

func TestARequestIsNotSentIntoAClosedConnection(t *testing.T) {
	for name, hangUp := range map[string]func(*net.TCPConn){
		"closed": func(c *net.TCPConn) { c.Close() },
		"reset":  reset,
	} {
		t.Run(name, func(t *testing.T) {
			read := make(chan struct{})
			server := newFaulty(t, func(c *net.TCPConn) {
				readRequest(c)
				io.WriteString(c, echoAnswer("")) // says nothing of closing
				<-read
				hangUp(c)
			})
			c := &http1{addr: server.addr, keep: true}
			require.Equal(t, answered, one(testContext(t), c, 1).outcome)
			require.False(t, closedByPeer(c.conn))
			close(read)
			ctx := testContext(t)
			for !closedByPeer(c.conn) {
				require.NoError(t, ctx.Err(), "the close never came")
				runtime.Gosched()
			}
			require.Equal(t, unsent, one(ctx, c, 1).outcome)
			require.Nil(t, c.conn)
		})
	}
}

func TestANewConnectionThatTakesNoByteIsLost(t *testing.T) {
	server := newFaulty(t, answer(echoAnswer("")))
	c := &http1{addr: server.addr, keep: true}
	require.NoError(t, c.connect(testContext(t)))
	require.NoError(t, c.conn.(*net.TCPConn).CloseWrite())
	require.Equal(t, lost, c.do(testContext(t), 1).outcome)
}

func TestAKeepAliveConnectionThatTheServerClosedIsLostOnlyOnce(t *testing.T) {
	server := newFaulty(t, func(c *net.TCPConn) {
		readRequest(c)
		io.WriteString(c, echoAnswer("")) // says nothing of closing, and closes
	})
	c := &http1{addr: server.addr, keep: true}
	require.Equal(t, answered, one(testContext(t), c, 1).outcome)
	require.Contains(t, []outcome{lost, unsent}, one(testContext(t), c, 1).outcome)
	require.Equal(t, answered, one(testContext(t), c, 1).outcome)
}

func TestAnAnswerThatAnnouncesTheCloseIsFollowedByADial(t *testing.T) {
	server := newFaulty(t, answer(echoAnswer("Connection: close\r\n")))
	c := &http1{addr: server.addr, keep: true}
	for range 3 {
		require.Equal(t, answered, one(testContext(t), c, 1).outcome)
		require.Nil(t, c.conn)
	}
	require.EqualValues(t, 3, server.accepted.Load())
}
