package main

// The status page and the metrics, on an address of their own that clients need
// not reach.

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/prometheus"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
)

// adminRoutes returns the handler of -admin. Only a service with a manager has
// its page.
func (s *service) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.statusPage)
	mux.HandleFunc("GET /version", s.httpVersion)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /state", s.stateJSON)
	if s.page != nil {
		mux.Handle("/debug/belay", s.page)
	}
	return mux
}

// managerPage shows what m does, and the limits. Whoever reaches -admin may see
// who the clients are.
func (s *service) managerPage(m *graceful.Manager) http.Handler {
	return status.Handler(m, status.Options{
		Title:  "belay example service",
		Detail: true,
		Stats:  s.stats(),
	})
}

// stats are the limits as the page and /metrics show them. Another rate begins to
// count the clients anew.
func (s *service) stats() map[string]func() belay.Stats {
	return map[string]func() belay.Stats{
		"requests":              s.limits.whole.Stats,
		"streams":               s.limits.streams.Stats,
		"client rates":          func() belay.Stats { return s.limits.clients.Load().Stats() },
		"client rates overflow": func() belay.Stats { return s.limits.clients.Load().Overflow() },
	}
}

// state is what /state answers with: enough to see from outside whether a stop
// or a restart left anything behind.
type state struct {
	PID         int    `json:"pid"`
	Generation  int    `json:"generation"`
	Ready       bool   `json:"ready"`
	Requests    int64  `json:"requests"` // answered since the start
	Shed        int64  `json:"shed"`
	Failed      int64  `json:"failed"`
	InFlight    int64  `json:"in_flight"`   // those that wait to be served too
	Waiting     int64  `json:"waiting"`     // for one of the others to end
	Rate        int    `json:"rate"`        // per second and client
	Concurrency int    `json:"concurrency"` // at once
	Goroutines  int    `json:"goroutines"`
	Descriptors int    `json:"descriptors"` // -1 where they can't be counted
	Memory      uint64 `json:"memory"`      // bytes of objects on the heap
}

func (s *service) state() state {
	set := s.limits.settings.Load()
	return state{
		PID:         os.Getpid(),
		Generation:  1 + s.generation(),
		Ready:       s.ready.Load(),
		Requests:    s.served.requests.Load(),
		Shed:        s.served.shed.Load(),
		Failed:      s.served.failed.Load(),
		InFlight:    s.served.inFlight.Load(),
		Waiting:     s.limits.waiting(),
		Rate:        set.rate,
		Concurrency: set.concurrency,
		Goroutines:  runtime.NumGoroutine(),
		Descriptors: openDescriptors(),
		Memory:      heapBytes(),
	}
}

func (s *service) stateJSON(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.state()) }

func (s *service) statusPage(w http.ResponseWriter, _ *http.Request) {
	st := s.state()
	fmt.Fprintf(w, `belay example service, pid %d
ready       %v
requests    %d (%d in flight, %d waiting, %d shed, %d failed)
limits      %d per second and client, %d at once
process     %d goroutines, %d descriptors, %d KiB

/version  /metrics  /state  /debug/belay
`, st.PID, st.Ready, st.Requests, st.InFlight, st.Waiting, st.Shed, st.Failed,
		st.Rate, st.Concurrency, st.Goroutines, st.Descriptors, st.Memory>>10)
}

// metrics returns what answers a scrape: the service's own counters, what its
// limits say, and the manager where there is one.
func (s *service) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	counter := func(name, help string, n *atomic.Int64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(n.Load()) }))
	}
	counter("service_requests_total", "Requests answered.", &s.served.requests)
	counter("service_shed_total", "Requests turned away by the limits.", &s.served.shed)
	counter("service_failed_total", "Requests that failed by a fault of the service.", &s.served.failed)
	gauge := func(name, help string, read func() int64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(read()) }))
	}
	gauge("service_in_flight", "Requests that wait or are being served.", s.served.inFlight.Load)
	gauge("service_waiting", "Requests that wait for another to end.", s.limits.waiting)
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{Stats: s.stats(), Manager: s.manager}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// openDescriptors counts what /proc lists, without the one that lists it.
func openDescriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(names) - 1
}

// heapBytes asks the runtime without stopping the world.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
