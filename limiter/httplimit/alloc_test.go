//go:build !race

package httplimit_test

// This file counts allocations, which the race detector changes, and measures
// what the middleware adds to a request.

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

// idle is a server's ResponseWriter that does nothing, by HTTP/2 or, where it can
// be hijacked, HTTP/1.
type idle struct{ header http.Header }

func (w *idle) Header() http.Header         { return w.header }
func (w *idle) WriteHeader(int)             {}
func (w *idle) Write(p []byte) (int, error) { return len(p), nil }
func (w *idle) Flush()                      {}

type idle1 struct{ idle }

func (w *idle1) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrNotSupported }

// open is a limiter that grants everything and allocates nothing.
type open struct{}

func (open) TryTake(n int64) (limiter.Permit, error)                   { return limiter.NewPermit(open{}, n), nil }
func (o open) Take(_ context.Context, n int64) (limiter.Permit, error) { return o.TryTake(n) }
func (open) Release(int64)                                             {}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// granted are the shapes of a request that is granted, with the allocations that
// each may cost.
func granted() map[string]struct {
	h      http.Handler
	w      http.ResponseWriter
	remote string
	allocs float64
} {
	h1, h2 := &idle1{idle{http.Header{}}}, &idle{http.Header{}}
	told := quota{open{}, 100, 50, time.Minute, time.Minute}
	byAddr := httplimit.PerKey(httplimit.ByAddr, func(string) limiter.Limiter { return open{} }, none)(nothing)
	shared := httplimit.Shared(open{}, none)(nothing)
	fields := httplimit.Shared(told, none)(nothing)
	type shape = struct {
		h      http.Handler
		w      http.ResponseWriter
		remote string
		allocs float64
	}
	return map[string]shape{
		"no middleware":                       {nothing, h1, "192.0.2.1:1", 0},
		"HTTP/2, shared":                      {shared, h2, "192.0.2.1:1", 0},
		"HTTP/2, by address":                  {byAddr, h2, "192.0.2.1:1", 0},
		"HTTP/2, by IPv6 address":             {byAddr, h2, "[2001:db8::1]:1", 1}, // the key
		"HTTP/2, shared, with fields":         {fields, h2, "192.0.2.1:1", 3},     // a value and two lines
		"HTTP/1, shared":                      {shared, h1, "192.0.2.1:1", 1},     // the ResponseWriter
		"HTTP/1, by address":                  {byAddr, h1, "192.0.2.1:1", 1},
		"HTTP/1, shared, with fields":         {fields, h1, "192.0.2.1:1", 4},
		"HTTP/1, shared, that grants nothing": {httplimit.Shared(limiter.Shadow(refusing{errFull}), none)(nothing), h1, "192.0.2.1:1", 0},
	}
}

var errFull = &limiter.RefusedError{Reason: limiter.ErrFull}

func request(w http.ResponseWriter, remote string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	if _, is := w.(http.Hijacker); !is {
		r.ProtoMajor = 2
	}
	return r
}

func TestAGrantedRequestCostsAtMostOneAllocationBesideItsFields(t *testing.T) {
	for name, c := range granted() {
		r := request(c.w, c.remote)
		header := c.w.Header()
		require.Equal(t, c.allocs, testing.AllocsPerRun(1000, func() {
			clear(header)
			c.h.ServeHTTP(c.w, r)
		}), name)
	}
}

func BenchmarkGranted(b *testing.B) {
	for name, c := range granted() {
		b.Run(name, func(b *testing.B) {
			r := request(c.w, c.remote)
			header := c.w.Header()
			b.ReportAllocs()
			for b.Loop() {
				clear(header)
				c.h.ServeHTTP(c.w, r)
			}
		})
	}
}
