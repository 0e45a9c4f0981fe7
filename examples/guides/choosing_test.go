package guides_test

// This file has the code of docs/choosing.md.

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/timeout/httptimeout"
)

func Example_choosing_stack() {
	clients := keyed.NewRate[string](keyed.RateOptions{Keys: 100_000, Limit: 10, Burst: 20})
	handler := http.NotFoundHandler()

	each := func(client string) limiter.Limiter { return clients.For(client) }
	perClient := httplimit.PerKey(httplimit.ByAddr, each, httplimit.Options{Name: "client"})
	whole := httplimit.Shared(adaptive.New(adaptive.Options{}), httplimit.Options{Name: "service"})
	handler = perClient(whole(httptimeout.New(handler, 2*time.Second, httptimeout.Options{})))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code)
	// Output:
	// 404
}
