// Prometheus shows a service's limits as metrics: it serves a few requests, scrapes
// itself, and prints what a dashboard would be made of.
//
// Look at the map: a name and the Stats method of anything in this module. The
// status page of graceful/status takes the same one.
//
// It prints:
//
//	belay_granted_total{name="group"} 5
//	belay_granted_total{name="requests"} 2
//	belay_in_flight{name="group"} 0
//	belay_in_flight{name="requests"} 2
//	belay_limit{name="group"} 4
//	belay_limit{name="requests"} 2
//	belay_refused_total{name="group"} 0
//	belay_refused_total{name="requests"} 3
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/belay-go/belay"
	belayprometheus "github.com/belay-go/belay/contrib/prometheus"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/semaphore"
)

func main() {
	requests := semaphore.New(semaphore.Options{Size: 2, WaitTime: true}) // with a histogram of the waits
	group, _ := errgroup.New(context.Background(), errgroup.Options{Limit: 4})

	registry := prometheus.NewRegistry()
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{
		Stats: map[string]func() belay.Stats{"requests": requests.Stats, "group": group.Stats},
	}))

	begun, finish := make(chan struct{}), make(chan struct{})
	work := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-finish })
	mux := http.NewServeMux()
	mux.Handle("/work", httplimit.Shared(requests, httplimit.Options{})(work))
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	// Two requests are at work, three more are refused.
	var busy errgroup.Group
	for range 2 {
		busy.Go(func() error { return get(srv.URL + "/work") })
		<-begun
	}
	defer func() {
		close(finish)
		_ = busy.Wait()
	}()
	for range 3 {
		group.Go(func() error { return get(srv.URL + "/work") })
	}
	for range 2 {
		group.Go(func() error { return nil })
	}
	if err := group.Wait(); err != nil {
		fmt.Println(err)
	}

	resp, err := http.Get(srv.URL + "/metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		for _, name := range []string{"belay_limit{", "belay_in_flight{", "belay_granted_total{", "belay_refused_total{"} {
			if strings.HasPrefix(lines.Text(), name) {
				fmt.Println(lines.Text())
			}
		}
	}
}

func get(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
