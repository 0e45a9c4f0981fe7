package belayprometheus_test

// Why one would want the collector, by example.

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/prometheus"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/pool"
	"github.com/belay-go/belay/limiter/semaphore"
)

// The map that the status page shows is the one that is scraped.
func ExampleNew() {
	sem := semaphore.New(semaphore.Options{Size: 8, WaitTime: true})
	stats := map[string]func() belay.Stats{"requests": sem.Stats}

	registry := prometheus.NewRegistry()
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{Stats: stats}))

	sem.TryAcquire(3)
	n, _ := testutil.GatherAndCount(registry, "belay_wait_seconds")
	fmt.Println(n, "histogram")
	fmt.Println(testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP belay_in_flight Units taken and not given back: permits, running tasks.
# TYPE belay_in_flight gauge
belay_in_flight{name="requests"} 3
`), "belay_in_flight"))
	// Output:
	// 1 histogram
	// <nil>
}

// loginState stands for what a shared limit says: the State of contrib/redis has
// these methods.
type loginState struct{}

func (loginState) Gauges() (local bool, members int, share float64, leased int64) {
	return true, 4, 250, 0
}

func (loginState) Counters() (changes, trips, failures, refused uint64) { return 1, 900, 3, 17 }

// Whether each process gets its verdicts from Redis, or from its share.
func ExampleFleet() {
	registry := prometheus.NewRegistry()
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{Fleets: map[string]func() belayprometheus.Fleet{
		"logins": func() belayprometheus.Fleet { return loginState{} }, // limit.State()
	}}))
	fmt.Println(testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP belay_fleet_local 1 while the limit is this process' share alone, 0 while it is shared.
# TYPE belay_fleet_local gauge
belay_fleet_local{name="logins"} 1
`), "belay_fleet_local"))
	// Output: <nil>
}

func ExampleFleet_Gauges() {
	var state belayprometheus.Fleet = loginState{}
	local, members, share, _ := state.Gauges()
	fmt.Println(local, members, share)
	// Output: true 4 250
}

func ExampleFleet_Counters() {
	var state belayprometheus.Fleet = loginState{}
	changes, trips, failures, refused := state.Counters()
	fmt.Println(changes, trips, failures, refused)
	// Output: 1 900 3 17
}

// All there is: limits and groups, what pools have besides, and the manager.
func ExampleOptions() {
	m := graceful.New(graceful.Options{})
	conns := pool.New(pool.Options[net.Conn]{
		MaxOpen: 10,
		Open:    func(context.Context) (net.Conn, error) { return net.Dial("tcp", "db:5432") },
		Close:   func(c net.Conn) { _ = c.Close() },
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{
		Stats:   map[string]func() belay.Stats{"db": conns.Stats},
		Pools:   map[string]func() pool.Counts{"db": conns.Counts},
		Manager: m,
	}))
	for _, name := range []string{"belay_limit", "belay_pool_open", "belay_generation"} {
		n, err := testutil.GatherAndCount(registry, name)
		fmt.Println(name, n, err)
	}
	// Output:
	// belay_limit 1 <nil>
	// belay_pool_open 1 <nil>
	// belay_generation 1 <nil>
}

// A process that was replaced accepts nothing any more on the addresses that it
// has handed over, its metrics on -admin included. So that it is scraped until it
// ends, each process has a socket of its own, and names it to Prometheus in a file
// for as long as it serves.
func ExampleNew_everyGeneration() {
	dir, _ := os.MkdirTemp("", "targets") // file_sd_configs: [{files: [DIR/*.json]}]
	defer os.RemoveAll(dir)
	var m *graceful.Manager
	m = graceful.New(graceful.Options{Signals: []os.Signal{}, OnReady: func() {
		targets, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		fmt.Println(len(targets), "target")
		m.Stop(nil)
	}})
	registry := prometheus.NewRegistry()
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{Manager: m}))
	metrics, err := metricsOfThisProcess(registry, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Add(0, metrics) // stops last
	_, err = m.Run(context.Background())
	targets, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	fmt.Println(len(targets), "targets", err)
	// Output:
	// 1 target
	// 0 targets <nil>
}

// metricsOfThisProcess returns a component that answers scrapes on a port that no
// other process has, and lists it in dir for file_sd.
func metricsOfThisProcess(registry prometheus.Gatherer, dir string) (graceful.Component, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return graceful.Component{}, err
	}
	file := filepath.Join(dir, strconv.Itoa(os.Getpid())+".json")
	c := graceful.HTTP("metrics", "", &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})})
	c.Listener = ln // one that came from elsewhere is not handed over
	c.Start = func(context.Context) error {
		text, err := json.Marshal([]map[string][]string{{"targets": {ln.Addr().String()}}})
		if err != nil {
			return err
		}
		if err := os.WriteFile(file+".new", text, 0o644); err != nil {
			return err
		}
		return os.Rename(file+".new", file) // Prometheus never reads half of it
	}
	shutdown := c.Stop
	c.Stop = func(ctx context.Context) error {
		_ = os.Remove(file)
		return shutdown(ctx)
	}
	return c, nil
}
