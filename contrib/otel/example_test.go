package belayotel_test

// Why one would want each call, by example.

import (
	"context"
	"fmt"
	"net"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/otel"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/pool"
	"github.com/belay-go/belay/limiter/semaphore"
)

// The map that the status page shows is the one that is collected.
func ExampleRegister() {
	sem := semaphore.NewWeighted(8)
	sem.TryAcquire(3)
	reader := metric.NewManualReader() // a program has a periodic one, with an exporter
	_, err := belayotel.Register(belayotel.Options{
		Stats:         map[string]func() belay.Stats{"requests": sem.Stats},
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var all metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &all)
	for _, m := range all.ScopeMetrics[0].Metrics[:2] {
		fmt.Println(m.Name, m.Unit, m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	}
	// Output:
	// belay.limit {unit} 8
	// belay.in_flight {unit} 3
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
	reader := metric.NewManualReader()
	_, err := belayotel.Register(belayotel.Options{
		Fleets: map[string]func() belayotel.Fleet{
			"logins": func() belayotel.Fleet { return loginState{} }, // limit.State()
		},
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var all metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &all)
	local := all.ScopeMetrics[0].Metrics[0]
	fmt.Println(local.Name, local.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	// Output: belay.fleet.local 1
}

func ExampleFleet_Gauges() {
	var state belayotel.Fleet = loginState{}
	local, members, share, _ := state.Gauges()
	fmt.Println(local, members, share)
	// Output: true 4 250
}

func ExampleFleet_Counters() {
	var state belayotel.Fleet = loginState{}
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
	registration, err := belayotel.Register(belayotel.Options{
		Stats:   map[string]func() belay.Stats{"db": conns.Stats},
		Pools:   map[string]func() pool.Counts{"db": conns.Counts},
		Manager: m,
	})
	fmt.Println(registration != nil, err)
	// Output: true <nil>
}

// Spans of the stop are made, and sent, before the process ends.
func ExampleSpans() {
	e, provider := newExported() // in memory; a program has an exporter of OTLP
	m := graceful.New(quietly())
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown}))
	m.Add(1, graceful.Component{
		Name:  "db",
		Start: func(context.Context) error { m.Stop(nil); return nil },
		Stop:  func(context.Context) error { return nil },
	})
	_, _ = m.Run(context.Background())
	for _, span := range e.GetSpans() {
		if span.Name == "stop db" || !span.Parent.IsValid() {
			fmt.Println(span.Name)
		}
	}
	// Output:
	// graceful start
	// stop db
	// graceful stop
}

// A tracer whose collector may be slow gets more of the budget.
func ExampleSpanOptions() {
	provider := sdktrace.NewTracerProvider()
	m := graceful.New(graceful.Options{})
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{
		TracerProvider: provider, Shutdown: provider.Shutdown, Name: "otlp", Limit: 5 * time.Second,
	}))
	fmt.Println(m.Report().Components[0].Name, m.Report().Components[0].Limit)
	// Output: otlp 5s
}

// Work that a request hands to a group which outlives it is in the request's
// trace, and says which group does it.
func ExampleTask() {
	e, provider := newExported()
	tracer := provider.Tracer("shop")
	background, _ := tracer.Start(context.Background(), "thumbnails")
	g, _ := errgroup.New(background, errgroup.Options{Limit: 4})

	request, span := tracer.Start(context.Background(), "upload")
	_ = g.GoContext(request, belayotel.Task(request, "resize", func(context.Context) error { return nil }))
	span.End()

	_ = g.Wait()
	_ = provider.Shutdown(context.Background())
	task := of(e.GetSpans(), "resize")[0]
	fmt.Println(task.Parent.SpanID() == span.SpanContext().SpanID(), len(task.Links), "link")
	// Output: true 1 link
}
