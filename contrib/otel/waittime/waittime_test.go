package waittime_test

// The histograms as a reader of the SDK collects them.

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/otel/waittime"
	"github.com/belay-go/belay/limiter/semaphore"
)

// A mean hides the wait that matters.
func ExampleNew() {
	sem := semaphore.New(semaphore.Options{Size: 8, WaitTime: true})
	stats := map[string]func() belay.Stats{"requests": sem.Stats}
	reader := metric.NewManualReader(metric.WithProducer(waittime.New(stats))) // or a periodic one
	_ = metric.NewMeterProvider(metric.WithReader(reader))

	var all metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &all)
	m := all.ScopeMetrics[0].Metrics[0]
	fmt.Println(m.Name, m.Unit, len(m.Data.(metricdata.Histogram[float64]).DataPoints))
	// Output: belay.wait.duration s 1
}

func collect(t *testing.T, reader metric.Reader) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	require.Len(t, all.ScopeMetrics, 1)
	require.Len(t, all.ScopeMetrics[0].Metrics, 1)
	data, ok := all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	require.True(t, ok)
	require.Equal(t, metricdata.CumulativeTemporality, data.Temporality)
	return data.DataPoints
}

func readerOf(stats map[string]func() belay.Stats) metric.Reader {
	reader := metric.NewManualReader(metric.WithProducer(waittime.New(stats)))
	_ = metric.NewMeterProvider(metric.WithReader(reader))
	return reader
}

func TestTheHistogramIsTheOneThatWasCounted(t *testing.T) {
	var h belay.WaitHistogram
	for i := range belay.WaitBuckets {
		h.Counts[i] = uint64(100 + i)
	}
	h.Sum = 2500 * time.Millisecond
	calls := 0
	reader := readerOf(map[string]func() belay.Stats{
		"b": func() belay.Stats { calls++; return belay.Stats{WaitTime: h} },
		"a": func() belay.Stats { return belay.Stats{} },
	})
	all := collect(t, reader)
	require.Equal(t, 1, calls)
	require.Len(t, all, 2)
	require.Zero(t, all[0].Count)
	p := all[1]
	name, _ := p.Attributes.Value("belay.name")
	require.Equal(t, "b", name.AsString())
	require.Equal(t, 1, p.Attributes.Len())
	require.EqualValues(t, 1720, p.Count)
	require.Equal(t, 2.5, p.Sum)
	require.Equal(t, h.Counts[:], p.BucketCounts)
	require.Len(t, p.Bounds, belay.WaitBuckets-1)
	for i, bound := range p.Bounds {
		require.InEpsilon(t, 1e-6*math.Pow(4, float64(i)), bound, 1e-12)
	}
}

func TestCountsThatGoDownBeginAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h belay.WaitHistogram
		began := time.Now()
		reader := readerOf(map[string]func() belay.Stats{"a": func() belay.Stats { return belay.Stats{WaitTime: h} }})
		since := func() time.Duration { time.Sleep(time.Second); return collect(t, reader)[0].StartTime.Sub(began) }
		h.Observe(time.Second)
		require.Zero(t, since())
		h.Observe(time.Second)
		require.Zero(t, since())
		h = belay.WaitHistogram{} // a reload
		require.Equal(t, 3*time.Second, since())
		h.Observe(time.Second)
		require.Equal(t, 3*time.Second, since())
	})
}

func TestNothingToShowIsNoMetric(t *testing.T) {
	scopes, err := waittime.New(nil).Produce(t.Context())
	require.NoError(t, err)
	require.Empty(t, scopes)
	require.PanicsWithValue(t, "waittime: nil func", func() { waittime.New(map[string]func() belay.Stats{"a": nil}) })
}
