// Otel traces a process from its start to its stop, and a request whose work goes on
// in a group after the answer.
//
// Look at the tree: "start db" says how long the database took to come up, the task
// is in the trace of its request and linked to the group that ran it, and the last
// spans of the stop are exported before the process ends.
//
// It prints:
//
//	thumbnails
//	graceful start
//	  start phase -1
//	    start traces
//	  start phase 1
//	    start db
//	upload
//	  resize (1 link)
//	graceful stop (1 link)
//	  pre-stop
//	  stop phase 1
//	    stop db
//	belay.granted{name: thumbnails} 1
package main

import (
	"context"
	"fmt"
	"sort"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/belay-go/belay"
	belayotel "github.com/belay-go/belay/contrib/otel"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/graceful"
)

// kept is an exporter that survives the provider's Shutdown; yours speaks OTLP.
type kept struct{ *tracetest.InMemoryExporter }

func (kept) Shutdown(context.Context) error { return nil }

func main() {
	ctx := context.Background()
	spans := kept{tracetest.NewInMemoryExporter()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	tracer := provider.Tracer("shop")

	background, group := tracer.Start(ctx, "thumbnails")
	thumbnails, _ := errgroup.New(background, errgroup.Options{Limit: 4})

	reader := metric.NewManualReader() // a program has a periodic one
	_, err := belayotel.Register(belayotel.Options{
		Stats:         map[string]func() belay.Stats{"thumbnails": thumbnails.Stats},
		MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	var m *graceful.Manager
	m = graceful.New(graceful.Options{OnReady: func() {
		request, span := tracer.Start(ctx, "upload")
		resize := func(context.Context) error { return nil }
		_ = thumbnails.GoContext(ctx, belayotel.Task(request, "resize", resize))
		span.End() // the answer is out, the task may go on
		_ = thumbnails.Wait()
		group.End()
		m.Stop(nil)
	}})
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown}))
	m.Add(1, graceful.Component{
		Name:  "db",
		Start: func(context.Context) error { return nil },
		Stop:  func(context.Context) error { return nil },
	})
	if _, err := m.Run(ctx); err != nil {
		fmt.Println(err)
	}
	print(spans.GetSpans(), trace.SpanID{}, "")
	var all metricdata.ResourceMetrics
	_ = reader.Collect(ctx, &all)
	for _, metric := range all.ScopeMetrics[0].Metrics {
		if sum, ok := metric.Data.(metricdata.Sum[int64]); ok && metric.Name == "belay.granted" {
			fmt.Printf("%s{name: thumbnails} %d\n", metric.Name, sum.DataPoints[0].Value)
		}
	}
}

// print shows the spans below parent in the order of their start, each with its own.
func print(spans tracetest.SpanStubs, parent trace.SpanID, indent string) {
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].StartTime.Before(spans[j].StartTime) })
	for _, span := range spans {
		if span.Parent.SpanID() != parent {
			continue
		}
		fmt.Print(indent, span.Name)
		if len(span.Links) > 0 {
			fmt.Printf(" (%d link)", len(span.Links))
		}
		fmt.Println()
		print(spans, span.SpanContext.SpanID(), indent+"  ")
	}
}
