package httplimit_test

// This file tests the warning about a proxy that is not trusted.

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

// load sends n requests, of which some come from a proxy: those that proxied
// says.
func load(n int, header string, proxied func(i int) bool) []string {
	log := &warnings{Handler: slog.NewTextHandler(io.Discard, nil)}
	around := httplimit.PerKey(httplimit.ByAddr, func(string) limiter.Limiter { return &ledger{} },
		httplimit.Options{Name: "client", Logger: slog.New(log)})
	handlers := []http.Handler{around(ok), around(ok)}
	for i := range n {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "192.0.2.1:99"
		if proxied(i) {
			r.RemoteAddr = "10.0.0.1:99"
			r.Header.Set(header, "192.0.2.1")
		}
		handlers[i%2].ServeHTTP(httptest.NewRecorder(), r)
	}
	return log.text
}

func TestOneWarningWhenNearlyAllRequestsShareAKeyAndWereForwarded(t *testing.T) {
	for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
		found := load(5000, header, func(i int) bool { return i%20 > 0 })
		require.Len(t, found, 1, "once for the middleware, not for each handler or sample")
		require.Contains(t, found[0], "WARN httplimit: over 90 % of requests have one key and were forwarded")
		require.Contains(t, found[0], "limit=client peer=10.0.0.1:99")
	}
}

func TestNoWarningWithoutReason(t *testing.T) {
	all := func(int) bool { return true }
	require.Empty(t, load(299, "X-Forwarded-For", all), "too few to tell")
	require.Len(t, load(300, "X-Forwarded-For", all), 1)
	require.Empty(t, load(5000, "X-Forwarded-For", func(i int) bool { return i%10 > 0 }), "not over nine of ten")
	require.Empty(t, load(5000, "X-Forwarded-For", func(int) bool { return false }), "nobody was forwarded")
	require.Empty(t, load(5000, "X-Real-Ip", all))

	log := &warnings{Handler: slog.NewTextHandler(io.Discard, nil)}
	opts := httplimit.Options{Logger: slog.New(log)}
	trusting := httplimit.PerKey(httplimit.ByXForwardedFor(networks("10.0.0.0/8")...), func(string) limiter.Limiter { return nil }, opts)(ok)
	shared := httplimit.Shared(&ledger{}, opts)(ok)
	for i := range 2000 {
		r := from(proxy, "X-Forwarded-For", []string{"198.51.100.1", "198.51.100.2"}[i%2])
		trusting.ServeHTTP(httptest.NewRecorder(), r)
		shared.ServeHTTP(httptest.NewRecorder(), r)
		probe := from(proxy, "X-Forwarded-For", "198.51.100.1")
		probe.URL.Path = "/livez"
		trusting.ServeHTTP(httptest.NewRecorder(), probe)
	}
	require.Empty(t, log.text)
}

func TestTheWarningComesOnceAlsoFromManyGoroutines(t *testing.T) {
	log := &warnings{Handler: slog.NewTextHandler(io.Discard, nil)}
	h := httplimit.PerKey(httplimit.ByAddr, func(string) limiter.Limiter { return nil }, httplimit.Options{Logger: slog.New(log)})(ok)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				h.ServeHTTP(httptest.NewRecorder(), from(proxy, "Forwarded", "for=192.0.2.1"))
			}
		})
	}
	all.Wait()
	require.Len(t, log.text, 1)
}
