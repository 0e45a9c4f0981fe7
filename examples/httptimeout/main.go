// Httptimeout bounds each request of a server: the client has its 503 in time, and
// the handler isn't left running behind anybody's back.
//
// Look at the handler that ignores its context: its client doesn't wait for it, and
// the server says who it is, until it has ended.
//
// It prints:
//
//	/fast 200 hello
//	/query 503 try again (Retry-After: 1)
//	/deaf 503 try again (Retry-After: 1)
//	the query knew why: ctxutil: /query: timed out after ..., limit 100ms
//	still at it: /deaf, one of 1
//	and when it has ended: 0
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/belay-go/belay/timeout/httptimeout"
)

func main() {
	why, hang := make(chan error, 1), make(chan struct{})
	late := make(chan string, 1)
	handle := map[string]http.HandlerFunc{
		"/fast": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
		"/query": func(_ http.ResponseWriter, r *http.Request) { // hands its context on
			<-r.Context().Done()
			why <- context.Cause(r.Context())
		},
		"/deaf": func(http.ResponseWriter, *http.Request) { <-hang },
	}
	// The limit is each route's own, and its name is what the error says.
	mux := http.NewServeMux()
	var deaf *httptimeout.Handler
	for pattern, h := range handle {
		bounded := httptimeout.New(h, 100*time.Millisecond, httptimeout.Options{
			Patience:   10 * time.Millisecond,
			OnOverstay: func(r *http.Request, _ time.Duration) { late <- r.URL.Path }, // a line of slog by default
			Header:     http.Header{"Retry-After": {"1"}},
			Body:       "try again",
		})
		mux.Handle(pattern, bounded)
		if pattern == "/deaf" {
			deaf = bounded
		}
	}
	srv := httptest.NewServer(mux)

	for _, path := range []string{"/fast", "/query", "/deaf"} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Print(path, " ", resp.StatusCode, " ", string(body))
		if retry := resp.Header.Get("Retry-After"); retry != "" {
			fmt.Printf(" (Retry-After: %s)", retry)
		}
		fmt.Println()
	}
	fmt.Println("the query knew why:", <-why)
	fmt.Printf("still at it: %s, one of %d\n", <-late, deaf.Overstaying())

	close(hang)
	srv.Close() // waits for the handler
	fmt.Println("and when it has ended:", deaf.Overstaying())
}
