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
