// Package waittime gives OpenTelemetry's SDK the whole histograms of how long
// those waited who waited for a limit or a group: belay.wait.duration, in seconds,
// one for each name.
//
//	reader := metric.NewPeriodicReader(exporter, metric.WithProducer(waittime.New(stats)))
//
// It is apart from belayotel since it needs the SDK: the API takes single
// measurements for a histogram, and has none that is observed as a whole. These
// were counted where the waits were. Their only attribute is belay.name; keys of
// keyed limits are never one.
//
// The upper bounds of a [belay.WaitHistogram] are exclusive, those of
// OpenTelemetry inclusive: a wait of exactly 1 µs, 4 µs and so on, to the
// nanosecond, is counted in the bucket above. What measures no times has a
// histogram that stays empty: a semaphore or a pool measures them with WaitTime in
// its Options, an errgroup with Track.
//
// When not to use it: where nobody looks at percentiles of waits; belayotel has their
// number and their sum without the SDK.
//
// A histogram is cumulative since the producer was made, whatever temporality the
// reader prefers for others: that is the SDK's rule for producers. One that is
// smaller than before, since its limit was replaced, begins anew at that
// collection. The package starts nothing, and has no histogram of how long permits
// are held.
package waittime

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/belay-go/belay"
)

// New returns a producer for the readers of the SDK. Each collection calls each
// func of stats once; they must not wait. It panics for a nil func. The map may be
// changed afterwards, without effect. The producer is safe for concurrent use;
// readers that shall not see each other's resets late have one each.
func New(stats map[string]func() belay.Stats) metric.Producer {
	p := &producer{}
	began := time.Now()
	for i := range belay.WaitBuckets - 1 {
		p.bounds = append(p.bounds, belay.WaitBound(i).Seconds())
	}
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		if stats[name] == nil {
			panic("waittime: nil func")
		}
		p.reads = append(p.reads, stats[name])
		p.mu.sources = append(p.mu.sources, source{began: began, name: attribute.NewSet(attribute.String("belay.name", name))})
	}
	return p
}

type producer struct {
	bounds []float64 // in seconds; the last bucket has none
	reads  []func() belay.Stats

	mu struct {
		sync.Mutex
		sources []source // of reads
	}
}

// A source is what is known of one func, and since when its counts are.
type source struct {
	name  attribute.Set
	began time.Time
	last  uint64 // how many waits it had
}

// Produce returns the histograms as they are now, and no error.
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	if len(p.reads) == 0 {
		return nil, nil
	}
	waits := make([]belay.WaitHistogram, len(p.reads))
	for i, read := range p.reads {
		waits[i] = read().WaitTime
	}
	data := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	p.mu.Lock()
	for i := range p.mu.sources {
		data.DataPoints = append(data.DataPoints, p.mu.sources[i].point(waits[i], p.bounds))
	}
	p.mu.Unlock()
	return []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: "github.com/belay-go/belay/contrib/otel/waittime"},
		Metrics: []metricdata.Metrics{{
			Name: "belay.wait.duration", Unit: "s", Data: data,
			Description: "How long calls waited that were granted after a wait, where times are measured.",
		}},
	}}, nil
}

func (s *source) point(h belay.WaitHistogram, bounds []float64) metricdata.HistogramDataPoint[float64] {
	now := time.Now()
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	if n < s.last {
		s.began = now
	}
	s.last = n
	return metricdata.HistogramDataPoint[float64]{
		Attributes: s.name, StartTime: s.began, Time: now,
		Count: n, Sum: h.Sum.Seconds(), Bounds: slices.Clone(bounds), BucketCounts: slices.Clone(h.Counts[:]),
	}
}
