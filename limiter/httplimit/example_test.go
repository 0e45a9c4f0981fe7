package httplimit_test

// This file shows what each exported name is for.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

// calls stands for a rate: each key has so many calls, and the next would come
// after three seconds.
type calls struct {
	mu   sync.Mutex
	left int64
}

func (c *calls) TryTake(n int64) (limiter.Permit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > c.left {
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: 3 * time.Second}
	}
	c.left -= n
	return limiter.NewPermit(c, n), nil
}

func (c *calls) Take(_ context.Context, n int64) (limiter.Permit, error) { return c.TryTake(n) }

func (c *calls) Release(int64) {}

func (c *calls) Settle(was, is int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left += was - is
}

func (c *calls) Quota() (limit, remaining int64, window, reset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return 2, c.left, 6 * time.Second, time.Duration(2-c.left) * 3 * time.Second
}

// perClient returns a function that gives each key its own calls. It never
// forgets one; a service needs something with a bound.
func perClient() func(key string) limiter.Limiter {
	var mu sync.Mutex
	clients := map[string]*calls{}
	return func(key string) limiter.Limiter {
		mu.Lock()
		defer mu.Unlock()
		if clients[key] == nil {
			clients[key] = &calls{left: 2}
		}
		return clients[key]
	}
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })

// fetch prints what h answers to a client.
func fetch(h http.Handler, client string, header ...string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = client
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Printf("%s: %d %s", client, w.Code, w.Body)
}

// Each client has its own limit, wherever in its IPv6 network it calls from, and
// is told how far it can go.
func ExamplePerKey() {
	h := httplimit.PerKey(httplimit.ByAddr, perClient(), httplimit.Options{Name: "client"})(hello)
	fetch(h, "[2001:db8:1:2::a]:1000")
	fetch(h, "[2001:db8:1:2::b]:1000")
	fetch(h, "[2001:db8:1:2::c]:1000")
	fetch(h, "192.0.2.1:1000")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Header().Get("RateLimit-Policy"))
	fmt.Println(w.Header().Get("RateLimit"))
	// Output:
	// [2001:db8:1:2::a]:1000: 200 hello
	// [2001:db8:1:2::b]:1000: 200 hello
	// [2001:db8:1:2::c]:1000: 429 Too Many Requests: retry after 3 s
	// 192.0.2.1:1000: 200 hello
	// "client";q=2;w=6
	// "client";r=0;t=3
}

// Middleware of this type chains as every router has it; chi's Use takes it, and
// so do echo.WrapMiddleware and the handlers of connect. The first is the
// outermost: a client that is over its limit takes no place of the service's.
func ExamplePerKey_chain() {
	use := func(h http.Handler, chain ...func(http.Handler) http.Handler) http.Handler {
		for i := len(chain) - 1; i >= 0; i-- {
			h = chain[i](h)
		}
		return h
	}
	service := &calls{left: 3}
	h := use(hello,
		httplimit.PerKey(httplimit.ByAddr, perClient(), httplimit.Options{Name: "client"}),
		httplimit.Shared(service, httplimit.Options{Name: "service"}),
	)
	for range 3 {
		fetch(h, "192.0.2.1:1000")
	}
	fmt.Println("left for all:", service.left)
	// Output:
	// 192.0.2.1:1000: 200 hello
	// 192.0.2.1:1000: 200 hello
	// 192.0.2.1:1000: 429 Too Many Requests: retry after 3 s
	// left for all: 1
}

// One limit for everybody has to be asked for by its name. Probes pass by it.
func ExampleShared() {
	h := httplimit.Shared(&calls{left: 1}, httplimit.Options{})(hello)
	fetch(h, "192.0.2.1:1000")
	fetch(h, "203.0.113.9:1000")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	fmt.Println("probe:", w.Code)
	// Output:
	// 192.0.2.1:1000: 200 hello
	// 203.0.113.9:1000: 429 Too Many Requests: retry after 3 s
	// probe: 200
}

func ExampleByAddr() {
	for _, addr := range []string{"192.0.2.1:1000", "[::ffff:192.0.2.1]:1000", "[2001:db8:1:2:3:4:5:6]:1000"} {
		fmt.Println(httplimit.ByAddr(&http.Request{RemoteAddr: addr}))
	}
	// Output:
	// 192.0.2.1
	// 192.0.2.1
	// 2001:db8:1:2::/64
}

// Clients with a key that was verified before, by whoever comes first in the
// chain.
func ExampleByHeader() {
	key := httplimit.ByHeader("X-Account")
	verify := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Account", "of "+r.RemoteAddr) // whatever the client has sent
			next.ServeHTTP(w, r)
		})
	}
	h := verify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fmt.Println(key(r)) }))
	h.ServeHTTP(httptest.NewRecorder(), &http.Request{RemoteAddr: "192.0.2.1:1000", Header: http.Header{"X-Account": {"admin"}}})
	// Output:
	// of 192.0.2.1:1000
}

// Behind a load balancer in 10.0.0.0/8, which adds the address of its peer: what
// the client has put there itself is left of that.
func ExampleByForwarded() {
	key := httplimit.ByForwarded(netip.MustParsePrefix("10.0.0.0/8"))
	r := &http.Request{RemoteAddr: "10.0.0.1:443", Header: http.Header{
		"Forwarded": {`for=127.0.0.1, for="[2001:db8:1:2::9]:4711";proto=https`},
	}}
	fmt.Println(key(r))
	r.RemoteAddr = "203.0.113.9:1000" // past the load balancer
	fmt.Println(key(r))
	// Output:
	// 2001:db8:1:2::/64
	// 203.0.113.9
}

func ExampleByXForwardedFor() {
	key := httplimit.ByXForwardedFor(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24"))
	fmt.Println(key(&http.Request{RemoteAddr: "10.0.0.1:443", Header: http.Header{
		"X-Forwarded-For": {"127.0.0.1, 203.0.113.9, 192.0.2.44"}, // 192.0.2.44 is the CDN's
	}}))
	// Output:
	// 203.0.113.9
}

// A request to a language model costs as many tokens as it turns out to cost.
func ExamplePermitOf() {
	tokens := &calls{left: 100}
	h := httplimit.Shared(tokens, httplimit.Options{
		Name:   "tokens",
		Cost:   func(r *http.Request) int64 { return 60 }, // an estimate
		Settle: true,
	})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "42")
		httplimit.PermitOf(r.Context(), "tokens").Settle(7)
	}))
	fetch(h, "192.0.2.1:1000")
	fmt.Println("left:", tokens.left)
	// Output:
	// 192.0.2.1:1000: 200 42
	// left: 93
}

// The answer fits the API, whatever else the limit has to say in its headers.
func ExampleOptions() {
	h := httplimit.Shared(&calls{}, httplimit.Options{
		Refuse: func(w http.ResponseWriter, _ *http.Request, why httplimit.Refusal) {
			w.Header().Set("Content-Type", "application/problem+json")
			_, _ = io.WriteString(w, `{"title": "slow down"}`+"\n")
		},
	})(hello)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Header().Get("Retry-After"), w.Body)
	// Output:
	// 429 3 {"title": "slow down"}
}

// Refusals are counted by their reason.
func ExampleRefusal() {
	h := httplimit.PerKey(httplimit.ByAddr, perClient(), httplimit.Options{
		OnRefused: func(r *http.Request, why httplimit.Refusal) {
			fmt.Println(r.URL.Path, why.Key, why.Status, why.RetryAfter, why.Err)
		},
	})(hello)
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/items", nil))
	}
	// Output:
	// /items 192.0.2.1 429 3s limiter: too often, retry in 3s
}
