package graceful_test

// What a server that runs for months must not keep: connections that are over.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
)

func TestConnectionsThatAreOverAreKeptByNobody(t *testing.T) {
	const conns = 300
	for path, kept := range map[string]int{"/closed": conns / 10, "/hijacked": conns / 2} {
		var mu sync.Mutex
		var met []weak.Pointer[net.TCPConn]
		addr, stop := serveHTTP(t, &http.Server{
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				mu.Lock()
				defer mu.Unlock()
				met = append(met, weak.Make(c.(*net.TCPConn)))
				return ctx
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/hijacked" {
					if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
						_ = c.Close()
					}
				}
			}),
		})
		for range conns {
			c := dial(t, addr)
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", path)
			_, err := io.ReadAll(c)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			runtime.GC()
			mu.Lock()
			defer mu.Unlock()
			alive := 0
			for _, c := range met {
				if c.Value() != nil {
					alive++
				}
			}
			return len(met) == conns && alive < kept
		}, patience, 10*time.Millisecond, path)
		_, err := stop()
		require.NoError(t, err)
	}
}

// unserved is a connection whose deadlines are told of and which nobody serves.
type unserved struct {
	*net.TCPConn
	set chan time.Time
}

func (h unserved) SetReadDeadline(t time.Time) error { h.set <- t; return nil }

// On a busy machine, a request may have been in the buffer for long.
func TestAConnectionWithSomethingUnreadIsNotSentAway(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client := dial(t, ln.Addr().String())
	accepted, err := ln.Accept()
	require.NoError(t, err)
	defer accepted.Close()
	_, err = client.Write([]byte("G"))
	require.NoError(t, err)

	srv := &http.Server{}
	_, stop := serveHTTP(t, srv)
	c := unserved{accepted.(*net.TCPConn), make(chan time.Time, 10_000)}
	srv.ConnContext(t.Context(), c) // as net/http calls the hooks
	srv.ConnState(c, http.StateNew)
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	wait(8 * settle)
	require.Empty(t, c.set)
	_, err = accepted.Read(make([]byte, 1))
	require.NoError(t, err)
	require.True(t, (<-c.set).Before(time.Now()))
	srv.ConnState(c, http.StateClosed)
	require.NoError(t, <-done)
}
