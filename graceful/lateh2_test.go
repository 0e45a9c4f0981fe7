package graceful_test

// Connections that turn out to speak h2 only when a stop has begun: net/http
// has told all of h2 to go by then, and waits for them.

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnH2GreetingThatEndsAfterTheSignalDoesNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	const greeting, settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	c := start(t, "h2c")
	var conns []net.Conn
	for i := range 100 {
		conn := dial(t, c.addr)
		if half := i % 3; half < 2 { // or nothing yet
			fmt.Fprint(conn, greeting[:len(greeting)-2*half-2])
		}
		conns = append(conns, conn)
	}
	c.signal(syscall.SIGTERM)
	for i, conn := range conns { // over the time in which they are watched, and beyond
		wait(time.Millisecond)
		rest := greeting
		if half := i % 3; half < 2 {
			rest = greeting[len(greeting)-2*half-2:]
		}
		fmt.Fprint(conn, rest+settings) // some are closed by now
	}
	require.Equal(t, 0, c.exit(), "the stop ended by itself, and not at its limit:\n%s", c.output())
}

// gatedConn sends only when its gate is open.
type gatedConn struct {
	net.Conn
	gate <-chan struct{}
}

func (c gatedConn) Write(p []byte) (int, error) {
	<-c.gate
	return c.Conn.Write(p)
}

func TestATLSHandshakeThatBeginsAfterTheSignalDoesNotHoldUpTheStop(t *testing.T) {
	stranger := httptest.NewUnstartedServer(nil)
	stranger.EnableHTTP2 = true
	stranger.StartTLS()
	defer stranger.Close()
	addr, stop := serveHTTP(t, &http.Server{
		TLSConfig: &tls.Config{Certificates: stranger.TLS.Certificates},
		Handler:   http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		ErrorLog:  log.New(io.Discard, "", 0), // of greetings that never came
	})
	config := stranger.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	config.ServerName = "example.com"
	gate, shaken := make(chan struct{}), make(chan string, 10)
	for range cap(shaken) {
		conn := tls.Client(gatedConn{dial(t, addr), gate}, config)
		go func() { // ends with the connection; it never sends h2's greeting
			if conn.Handshake() != nil {
				shaken <- ""
				return
			}
			shaken <- conn.ConnectionState().NegotiatedProtocol
		}()
	}
	time.AfterFunc(20*time.Millisecond, func() { close(gate) })
	report, err := stop()
	require.NoError(t, err)
	require.Equal(t, "stopped", report.Components[0].Outcome)
	require.Less(t, report.Components[0].Used, 4*time.Second, "net/http alone waits for five")
	h2 := 0
	for range cap(shaken) {
		if <-shaken == "h2" {
			h2++
		}
	}
	require.NotZero(t, h2, "none got through: that proves nothing")
}
