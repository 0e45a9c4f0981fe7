package httptimeout_test

// This file shows what each exported name is for.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/belay-go/belay/timeout/httptimeout"
)

// fetch prints what a client gets of a handler.
func fetch(h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	res, err := http.Get(server.URL + "/reports/7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%d %s", res.StatusCode, body)
}

// A handler that doesn't look at its context. With a http.TimeoutHandler it would
// still run when the server has taken its request back, and with a deadline in
// the context alone the client would wait for as long as it takes. Here the
// client has its answer, and ServeHTTP waits for the handler.
func ExampleNew() {
	answered := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-answered // a query that nobody cancels
		_, err := io.WriteString(w, "the report")
		fmt.Println(err)
	})
	server := httptest.NewServer(httptimeout.New(slow, 20*time.Millisecond, httptimeout.Options{}))
	res, err := http.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%d %s", res.StatusCode, body)
	close(answered)
	server.Close() // waits for the handler
	// Output:
	// 503 Service Unavailable: the request ran out of time
	// http: Handler timeout
}

// A handler of its own for each route has a limit of its own, and the error of
// whatever it calls says which.
func ExampleHandler() {
	causes := make(chan error, 1)
	report := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	})
	mux := http.NewServeMux()
	mux.Handle("GET /reports/{id}", httptimeout.New(report, 20*time.Millisecond, httptimeout.Options{}))
	fetch(mux)
	fmt.Println(<-causes)
	// Output:
	// 503 Service Unavailable: the request ran out of time
	// ctxutil: GET /reports/{id}: timed out after 20ms, limit 20ms
}

// A stream that has begun is not cut: it learns from its context that it should
// come to an end, and says so itself.
func ExampleHandler_ServeHTTP() {
	stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first line")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		fmt.Fprintln(w, "to be continued")
	})
	fetch(httptimeout.New(stream, 20*time.Millisecond, httptimeout.Options{}))
	// Output:
	// 200 first line
	// to be continued
}

// Overstaying is the gauge that shows a dependency without timeouts.
func ExampleHandler_Overstaying() {
	reported, release := make(chan struct{}), make(chan struct{})
	h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), 20*time.Millisecond, httptimeout.Options{
		Patience:   20 * time.Millisecond,
		OnOverstay: func(*http.Request, time.Duration) { close(reported) },
	})
	server := httptest.NewServer(h)
	res, err := http.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	<-reported
	fmt.Println(res.StatusCode, "overstaying:", h.Overstaying())
	close(release)
	server.Close() // waits for the handler
	fmt.Println("overstaying:", h.Overstaying())
	// Output:
	// 503 overstaying: 1
	// overstaying: 0
}

// The answer fits the API, and a handler that doesn't end is somebody's alarm.
func ExampleOptions() {
	alarm := make(chan string)
	h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		fmt.Println("still running:", <-alarm)
	}), 20*time.Millisecond, httptimeout.Options{
		Patience:   20 * time.Millisecond,
		OnOverstay: func(r *http.Request, _ time.Duration) { alarm <- r.URL.Path },
		Header:     http.Header{"Content-Type": {"application/json"}, "Retry-After": {"5"}},
		Body:       `{"error": "out of time"}` + "\n",
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/reports/7", nil))
	fmt.Println(w.Code, w.Header().Get("Retry-After"), w.Body)
	// Output:
	// still running: /reports/7
	// 503 5 {"error": "out of time"}
}
