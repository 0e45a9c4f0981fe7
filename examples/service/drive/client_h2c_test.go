package drive

// The h2c client against servers that fail it.

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// newH2CServer serves a handler over h2c, and http/1.1 as well.
func newH2CServer(t *testing.T, h http.HandlerFunc) (addr string) {
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestAnH2CRequestIsCalledWhatBecameOfIt(t *testing.T) {
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  outcome
	}{
		"answered in full": {echo, answered},
		"aborted at once":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, lost},
		"aborted half-way": {func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(w, r.Body, 9)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, lost},
		"another body":      {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, odd},
		"an error":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, odd},
		"too many requests": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, shed},
		"unavailable":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, shed},
	} {
		t.Run(name, func(t *testing.T) {
			c := newH2C(newH2CServer(t, test.serve))
			defer c.close()
			for _, n := range []int{1, 3} { // 3 has a slow body
				r := one(testContext(t), c, n)
				require.Equal(t, test.want, r.outcome, "%v", r.err)
			}
		})
	}
}

func TestAnH2CRequestIsNeverSentTwice(t *testing.T) {
	for name, serve := range map[string]func(*net.TCPConn){
		"closed after accept": func(*net.TCPConn) {},
		"reset after accept":  reset,
		"closed after some bytes": func(c *net.TCPConn) {
			io.ReadFull(c, make([]byte, len(http2Preface)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := newFaulty(t, serve)
			c := newH2C(server.addr)
			defer c.close()
			r := one(testContext(t), c, 1)
			require.Equal(t, lost, r.outcome, "%v", r.err)
			require.EqualValues(t, 1, server.accepted.Load())
		})
	}
}

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func TestAnH2CDialToAClosedPortIsRefused(t *testing.T) {
	r := one(testContext(t), newH2C(closedAddr(t)), 1)
	require.Equal(t, refused, r.outcome, "%v", r.err)
}

func TestAnH2CClientKeepsItsConnection(t *testing.T) {
	conns := make(map[string]bool)
	addr := newH2CServer(t, func(w http.ResponseWriter, r *http.Request) {
		conns[r.RemoteAddr] = true
		echo(w, r)
	})
	c := newH2C(addr)
	defer c.close()
	for n := range 5 {
		require.Equal(t, answered, one(testContext(t), c, n).outcome)
	}
	require.Len(t, conns, 1)
}

// echo is the handler of POST /echo.
func echo(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }
