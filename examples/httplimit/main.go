// Httplimit puts two limits in front of a handler: a rate for each client, by its
// key, and a bound on how many requests the whole service works on.
//
// Look at the answers: 429 tells one client to slow down, 503 tells anyone that
// the service is full, both say when to come back, and a probe is never refused.
//
// It prints:
//
//	alice 200 RateLimit-Policy: "client";q=2;w=120, "service";q=2;qu="concurrent-requests"
//	alice 200
//	alice 429 come back in a minute or a bit more: true
//	carol 503 the service is full
//	probe 200
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/semaphore"
)

func main() {
	begun, finish := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/report", func(http.ResponseWriter, *http.Request) { // takes its time
		begun <- struct{}{}
		<-finish
	})

	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 1.0 / 60, Burst: 2})
	perClient := httplimit.PerKey(
		httplimit.ByHeader("Api-Key"), // checked by then; without keys there is ByAddr
		func(key string) limiter.Limiter { return clients.For(key) },
		httplimit.Options{Name: "client"})
	whole := httplimit.Shared(semaphore.NewWeighted(2), httplimit.Options{
		Name: "service",
		Refuse: func(w http.ResponseWriter, _ *http.Request, _ httplimit.Refusal) {
			io.WriteString(w, "the service is full")
		},
	})
	srv := httptest.NewServer(perClient(whole(mux)))
	defer srv.Close()

	resp, _ := get(srv.URL+"/", "alice")
	fmt.Println("alice", resp.StatusCode, "RateLimit-Policy:", resp.Header.Get("RateLimit-Policy"))
	resp, _ = get(srv.URL+"/", "alice")
	fmt.Println("alice", resp.StatusCode)
	resp, _ = get(srv.URL+"/", "alice")
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	wait := time.Duration(seconds) * time.Second
	fmt.Println("alice", resp.StatusCode, "come back in a minute or a bit more:",
		err == nil && wait > 30*time.Second && wait <= 75*time.Second)

	var g errgroup.Group
	for range 2 {
		g.Go(func() error {
			get(srv.URL+"/report", "bob")
			return nil
		})
		<-begun
	}
	resp, body := get(srv.URL+"/", "carol")
	fmt.Println("carol", resp.StatusCode, body)
	resp, _ = get(srv.URL+"/readyz", "")
	fmt.Println("probe", resp.StatusCode)
	close(finish)
	_ = g.Wait()
}

// get returns an answer and its body.
func get(url, key string) (*http.Response, string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("Api-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	return resp, string(body)
}
