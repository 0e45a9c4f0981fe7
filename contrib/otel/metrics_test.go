package belayotel_test

// What the SDK collects is what the funcs say, under the right names.

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	apimetric "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/otel"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/pool"
)

// filled has another value in every field.
func filled() belay.Stats {
	s := belay.Stats{
		Limit: 11, InFlight: 12, Waiting: 13,
		Total: 14, Waited: 15, Refused: 16, Cancelled: 17, Failed: 18, Panicked: 19, Skipped: 20,
	}
	for i := range belay.WaitBuckets {
		s.WaitTime.Counts[i] = uint64(100 + i)
	}
	s.WaitTime.Sum = 2500 * time.Millisecond
	return s
}

func filledPool() pool.Counts {
	return pool.Counts{Open: 31, Idle: 32, Opening: 33, Closing: 34, Opened: 35, Closed: 36, Expired: 37, Unhealthy: 38}
}

// collected are all values by "name{belay.name}", and the metrics by name.
func collected(t *testing.T, reader metric.Reader) (map[string]float64, map[string]metricdata.Metrics) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	got, byName := map[string]float64{}, map[string]metricdata.Metrics{}
	for _, s := range all.ScopeMetrics {
		require.Equal(t, "github.com/belay-go/belay/contrib/otel", s.Scope.Name)
		for _, m := range s.Metrics {
			byName[m.Name] = m
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points(t, m.Name, data.DataPoints, got)
			case metricdata.Sum[float64]:
				points(t, m.Name, data.DataPoints, got)
			case metricdata.Gauge[int64]:
				points(t, m.Name, data.DataPoints, got)
			case metricdata.Gauge[float64]:
				points(t, m.Name, data.DataPoints, got)
			default:
				require.Fail(t, "data that is not ours", "%s %T", m.Name, data)
			}
		}
	}
	return got, byName
}

func points[N int64 | float64](t *testing.T, name string, all []metricdata.DataPoint[N], got map[string]float64) {
	t.Helper()
	for _, p := range all {
		key := name
		for _, a := range p.Attributes.ToSlice() {
			require.EqualValues(t, "belay.name", a.Key, "the only attribute")
			key += "{" + a.Value.AsString() + "}"
		}
		got[key] = float64(p.Value)
	}
}

// register returns the reader of a provider that opts are registered at.
func register(t *testing.T, opts belayotel.Options) metric.Reader {
	t.Helper()
	reader := metric.NewManualReader()
	opts.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
	_, err := belayotel.Register(opts)
	require.NoError(t, err)
	return reader
}

func everything(m *graceful.Manager) belayotel.Options {
	return belayotel.Options{
		Stats:   map[string]func() belay.Stats{"requests": filled},
		Pools:   map[string]func() pool.Counts{"db": filledPool},
		Fleets:  map[string]func() belayotel.Fleet{"logins": func() belayotel.Fleet { return fleet{local: true, members: 41} }},
		Manager: m,
	}
}

// fleet is a shared limit's state of the test's own.
type fleet struct {
	local   bool
	members int
}

func (f fleet) Gauges() (bool, int, float64, int64) { return f.local, f.members, 42.5, 43 }

func (fleet) Counters() (changes, trips, failures, refused uint64) { return 44, 45, 46, 47 }

func TestAShareThatIsUnknownIsAbsent(t *testing.T) {
	got, _ := collected(t, register(t, belayotel.Options{Fleets: map[string]func() belayotel.Fleet{
		"unseen": func() belayotel.Fleet { return fleet{local: true} },
		"shared": func() belayotel.Fleet { return fleet{members: 1} },
	}}))
	require.NotContains(t, got, "belay.fleet.members{unseen}")
	require.NotContains(t, got, "belay.fleet.share{unseen}")
	require.EqualValues(t, 1, got["belay.fleet.local{unseen}"])
	require.Contains(t, got, "belay.fleet.local{shared}")
	require.Zero(t, got["belay.fleet.local{shared}"])
	require.EqualValues(t, 42.5, got["belay.fleet.share{shared}"])
}

func TestEveryFieldIsAMetricWithItsOwnValue(t *testing.T) {
	got, byName := collected(t, register(t, everything(nil)))
	require.Equal(t, map[string]float64{
		"belay.limit{requests}": 11, "belay.in_flight{requests}": 12, "belay.waiting{requests}": 13,
		"belay.granted{requests}": 14, "belay.waited{requests}": 15, "belay.refused{requests}": 16,
		"belay.cancelled{requests}": 17, "belay.failed{requests}": 18, "belay.panicked{requests}": 19,
		"belay.skipped{requests}": 20, "belay.wait.count{requests}": 1720, "belay.wait.time{requests}": 2.5,
		"belay.pool.open{db}": 31, "belay.pool.idle{db}": 32, "belay.pool.opening{db}": 33, "belay.pool.closing{db}": 34,
		"belay.pool.opened{db}": 35, "belay.pool.closed{db}": 36, "belay.pool.expired{db}": 37, "belay.pool.unhealthy{db}": 38,
		"belay.fleet.local{logins}": 1, "belay.fleet.members{logins}": 41, "belay.fleet.share{logins}": 42.5, "belay.fleet.leased{logins}": 43,
		"belay.fleet.changes{logins}": 44, "belay.fleet.trips{logins}": 45, "belay.fleet.failures{logins}": 46, "belay.fleet.refused{logins}": 47,
	}, got)
	require.Equal(t, "s", byName["belay.wait.time"].Unit)
	require.Equal(t, "{unit}", byName["belay.limit"].Unit)
	granted, ok := byName["belay.granted"].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	require.True(t, granted.IsMonotonic)
	inFlight, ok := byName["belay.in_flight"].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	require.False(t, inFlight.IsMonotonic)
}

func TestOneCollectionAsksEachFuncOnceUntilItIsUnregistered(t *testing.T) {
	calls := map[string]int{}
	count := func(name string) func() belay.Stats {
		return func() belay.Stats { calls[name]++; return belay.Stats{Limit: -1} }
	}
	stats := map[string]func() belay.Stats{"a": count("a"), "b": count("b")}
	reader := metric.NewManualReader()
	registration, err := belayotel.Register(belayotel.Options{Stats: stats, MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))})
	require.NoError(t, err)
	stats["c"] = count("c") // too late
	require.Empty(t, calls)
	for n := 1; n < 4; n++ {
		got, _ := collected(t, reader)
		require.Equal(t, map[string]int{"a": n, "b": n}, calls)
		require.NotContains(t, got, "belay.limit{a}", "there is none")
		require.Contains(t, got, "belay.in_flight{a}")
	}
	require.NoError(t, registration.Unregister())
	got, _ := collected(t, reader)
	require.Empty(t, got)
	require.Equal(t, map[string]int{"a": 3, "b": 3}, calls)
}

func TestAManagerIsSeenThroughItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(graceful.Options{
			Budget: 30 * time.Second, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-",
		})
		m.Add(1, graceful.Component{
			Name:  "db",
			Start: func(context.Context) error { time.Sleep(2 * time.Second); return nil },
			Stop:  func(context.Context) error { time.Sleep(3 * time.Second); return errors.New("made to fail") },
		})
		reader := register(t, belayotel.Options{Manager: m})
		got, _ := collected(t, reader)
		require.Equal(t, map[string]float64{
			"belay.ready": 0, "belay.stopping": 0, "belay.generation": 0, "belay.stop.duration": 0, "belay.stop.budget": 30,
			"belay.draining.processes": 0, "belay.draining.duration": 0, "belay.restarts": 0, "belay.restart.failures": 0,
			"belay.component.up{db}": 0, "belay.component.failed{db}": 0, "belay.component.stop.duration{db}": 0,
		}, got)
		done := make(chan struct{})
		go func() { // ends with the stop below
			defer close(done)
			_, _ = m.Run(t.Context())
		}()
		time.Sleep(time.Minute)
		require.Error(t, m.Restart(t.Context())) // not enabled
		got, _ = collected(t, reader)
		require.Equal(t, map[string]float64{
			"belay.ready": 1, "belay.stopping": 0, "belay.generation": 0, "belay.start.duration": 2, "belay.stop.duration": 0, "belay.stop.budget": 30,
			"belay.draining.processes": 0, "belay.draining.duration": 0, "belay.restarts": 1, "belay.restart.failures": 1,
			"belay.component.up{db}": 1, "belay.component.failed{db}": 0, "belay.component.start.duration{db}": 2, "belay.component.stop.duration{db}": 0,
		}, got)
		m.Stop(nil)
		time.Sleep(time.Second)
		got, _ = collected(t, reader)
		require.EqualValues(t, 1, got["belay.stop.duration"])
		require.EqualValues(t, 1, got["belay.component.stop.duration{db}"])
		require.EqualValues(t, 0, got["belay.component.up{db}"])
		<-done
		got, _ = collected(t, reader)
		require.EqualValues(t, 1, got["belay.component.failed{db}"])
		require.EqualValues(t, 3, got["belay.stop.duration"])
	})
}

func TestNilFuncsPanic(t *testing.T) {
	for _, opts := range []belayotel.Options{
		{Stats: map[string]func() belay.Stats{"a": nil}},
		{Pools: map[string]func() pool.Counts{"a": nil}},
		{Fleets: map[string]func() belayotel.Fleet{"a": nil}},
	} {
		require.PanicsWithValue(t, "belayotel: nil func", func() { _, _ = belayotel.Register(opts) })
	}
}

// A broken provider refuses one instrument.
type broken struct{ noop.MeterProvider }

type brokenMeter struct{ noop.Meter }

var errMade = errors.New("made to fail")

func (broken) Meter(string, ...apimetric.MeterOption) apimetric.Meter { return brokenMeter{} }

func (brokenMeter) Int64ObservableCounter(name string, _ ...apimetric.Int64ObservableCounterOption) (apimetric.Int64ObservableCounter, error) {
	if name == "belay.refused" {
		return nil, errMade
	}
	return noop.Int64ObservableCounter{}, nil
}

func (brokenMeter) RegisterCallback(apimetric.Callback, ...apimetric.Observable) (apimetric.Registration, error) {
	return nil, errors.New("must not be called")
}

func TestAnErrorOfTheProviderIsThatOfRegister(t *testing.T) {
	opts := everything(nil)
	opts.MeterProvider = broken{}
	_, err := belayotel.Register(opts)
	require.ErrorIs(t, err, errMade)
	require.EqualError(t, err, "belayotel: made to fail")
}

func TestTheGlobalProviderTakesWhatNoOtherIsGivenFor(t *testing.T) {
	before := otel.GetMeterProvider()
	defer otel.SetMeterProvider(before)
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	_, err := belayotel.Register(everything(nil))
	require.NoError(t, err)
	got, _ := collected(t, reader)
	require.EqualValues(t, 11, got["belay.limit{requests}"])
}

func TestTheTableListsEveryMetricWithItsUnitAndNoOther(t *testing.T) {
	m := graceful.New(graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"})
	m.Add(0, graceful.Component{Name: "db", Start: func(context.Context) error { return nil }})
	m.Observe(func(rep graceful.Report) {
		if rep.State == "ready" {
			m.Stop(nil)
		}
	})
	_, err := m.Run(t.Context())
	require.NoError(t, err)
	_, byName := collected(t, register(t, everything(m)))
	listed := map[string]string{"belay.wait.duration": "s"}
	for name, made := range byName {
		listed[name] = made.Unit
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	row := regexp.MustCompile("(?m)^\\| `(belay\\.[a-z_.]+)` \\| [a-z]+ \\| `?([^ `]+)`? \\|")
	found := map[string]string{}
	for _, cells := range row.FindAllStringSubmatch(string(readme), -1) {
		found[cells[1]] = cells[2]
	}
	require.Equal(t, listed, found)
	for _, name := range slices.Sorted(maps.Keys(found)) { // a name is no other's namespace
		for other := range found {
			require.False(t, strings.HasPrefix(other, name+"."), "%s and %s", name, other)
		}
	}
}
