package belayprometheus_test

// What the collector says is what it was told, under the right names.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/prometheus"
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

// text returns what a registry with the collector alone answers to a scrape.
func text(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry() // checks what comes against what was described
	require.NoError(t, registry.Register(c))
	return textOf(t, registry)
}

func textOf(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	var b bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&b, f)
		require.NoError(t, err)
	}
	return b.String()
}

// values reads a text as Prometheus does: "name{label}" and what it says.
func values(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	got := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				require.Equal(t, "name", l.GetName(), "the only label")
				key += "{" + l.GetValue() + "}"
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				require.True(t, strings.HasSuffix(name, "_total"), name)
				got[key] = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				require.False(t, strings.HasSuffix(name, "_total"), name)
				got[key] = m.GetGauge().GetValue()
			case dto.MetricType_HISTOGRAM:
				got[key] = float64(m.GetHistogram().GetSampleCount())
			default:
				require.Fail(t, "a type that is not ours", name)
			}
		}
	}
	return got
}

func everything(m *graceful.Manager) prometheus.Collector {
	return belayprometheus.New(belayprometheus.Options{
		Stats: map[string]func() belay.Stats{"requests": filled},
		Pools: map[string]func() pool.Counts{"db": func() pool.Counts {
			return pool.Counts{Open: 31, Idle: 32, Opening: 33, Closing: 34, Opened: 35, Closed: 36, Expired: 37, Unhealthy: 38}
		}},
		Fleets: map[string]func() belayprometheus.Fleet{
			"logins": func() belayprometheus.Fleet { return fleet{local: true, members: 41} },
		},
		Manager: m,
	})
}

// fleet is a shared limit's state of the test's own.
type fleet struct {
	local   bool
	members int
}

func (f fleet) Gauges() (bool, int, float64, int64) { return f.local, f.members, 42.5, 43 }

func (fleet) Counters() (changes, trips, failures, refused uint64) { return 44, 45, 46, 47 }

func TestAShareThatIsUnknownIsAbsent(t *testing.T) {
	got := values(t, text(t, belayprometheus.New(belayprometheus.Options{Fleets: map[string]func() belayprometheus.Fleet{
		"unseen": func() belayprometheus.Fleet { return fleet{local: true} },
		"shared": func() belayprometheus.Fleet { return fleet{members: 1} },
	}})))
	require.NotContains(t, got, "belay_fleet_members{unseen}")
	require.NotContains(t, got, "belay_fleet_share{unseen}")
	require.Equal(t, []float64{1, 0, 1, 42.5}, of(got, "belay_fleet_local{unseen}", "belay_fleet_local{shared}", "belay_fleet_members{shared}", "belay_fleet_share{shared}"))
}

func TestEveryFieldIsAMetricWithItsOwnValue(t *testing.T) {
	got := values(t, text(t, everything(nil)))
	require.Equal(t, map[string]float64{
		"belay_limit{requests}": 11, "belay_in_flight{requests}": 12, "belay_waiting{requests}": 13,
		"belay_granted_total{requests}": 14, "belay_waited_total{requests}": 15, "belay_refused_total{requests}": 16,
		"belay_cancelled_total{requests}": 17, "belay_failed_total{requests}": 18, "belay_panicked_total{requests}": 19,
		"belay_skipped_total{requests}": 20, "belay_wait_seconds{requests}": 1720,
		"belay_pool_open{db}": 31, "belay_pool_idle{db}": 32, "belay_pool_opening{db}": 33, "belay_pool_closing{db}": 34,
		"belay_pool_opened_total{db}": 35, "belay_pool_closed_total{db}": 36, "belay_pool_expired_total{db}": 37, "belay_pool_unhealthy_total{db}": 38,
		"belay_fleet_local{logins}": 1, "belay_fleet_members{logins}": 41, "belay_fleet_share{logins}": 42.5, "belay_fleet_leased{logins}": 43,
		"belay_fleet_changes_total{logins}": 44, "belay_fleet_trips_total{logins}": 45, "belay_fleet_failures_total{logins}": 46, "belay_fleet_refused_total{logins}": 47,
	}, got)
}

func TestTheHistogramAddsUpTheBucketsInSeconds(t *testing.T) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text(t, everything(nil))))
	require.NoError(t, err)
	h := families["belay_wait_seconds"].GetMetric()[0].GetHistogram()
	require.EqualValues(t, 1720, h.GetSampleCount())
	require.Equal(t, 2.5, h.GetSampleSum())
	require.Len(t, h.GetBucket(), belay.WaitBuckets)
	var sum uint64
	for i, b := range h.GetBucket() {
		sum += uint64(100 + i)
		require.Equal(t, sum, b.GetCumulativeCount())
		if i == belay.WaitBuckets-1 {
			require.True(t, math.IsInf(b.GetUpperBound(), 1))
			continue
		}
		require.InEpsilon(t, 1e-6*math.Pow(4, float64(i)), b.GetUpperBound(), 1e-12)
	}
}

func TestOneScrapeAsksEachFuncOnceAndADescriptionNone(t *testing.T) {
	calls := map[string]int{}
	count := func(name string) func() belay.Stats {
		return func() belay.Stats { calls[name]++; return belay.Stats{} }
	}
	pools := 0
	stats := map[string]func() belay.Stats{"a": count("a"), "b": count("b")}
	c := belayprometheus.New(belayprometheus.Options{
		Stats: stats,
		Pools: map[string]func() pool.Counts{"a": func() pool.Counts { pools++; return pool.Counts{} }},
	})
	stats["c"] = count("c") // too late
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(c))
	require.Empty(t, calls)
	for n := 1; n < 4; n++ {
		_, err := registry.Gather()
		require.NoError(t, err)
		require.Equal(t, map[string]int{"a": n, "b": n}, calls)
		require.Equal(t, n, pools)
	}
}

func TestAnUnboundedLimitIsAbsentAndOneOfZeroIsNot(t *testing.T) {
	limit := func(n int64) func() belay.Stats { return func() belay.Stats { return belay.Stats{Limit: n} } }
	got := values(t, text(t, belayprometheus.New(belayprometheus.Options{
		Stats: map[string]func() belay.Stats{"none": limit(-1), "closed": limit(0), "one": limit(1)},
	})))
	require.NotContains(t, got, "belay_limit{none}")
	require.Contains(t, got, "belay_in_flight{none}")
	require.Contains(t, got, "belay_limit{closed}")
	require.EqualValues(t, 1, got["belay_limit{one}"])
}

func TestAManagerIsSeenThroughItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(graceful.Options{
			Budget: 30 * time.Second, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-",
		})
		takes := func(d time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(d); return nil }
		}
		m.Add(1, graceful.Component{Name: "db", Start: takes(2 * time.Second), Stop: takes(3 * time.Second)})
		m.Add(2, graceful.Component{Name: "bad", Start: takes(time.Second), Stop: func(context.Context) error { time.Sleep(time.Second); return errors.New("made to fail") }})
		c := belayprometheus.New(belayprometheus.Options{Manager: m})
		got := values(t, text(t, c))
		require.Equal(t, map[string]float64{
			"belay_ready": 0, "belay_stopping": 0, "belay_generation": 0, "belay_stop_seconds": 0, "belay_stop_budget_seconds": 30,
			"belay_draining_processes": 0, "belay_draining_seconds": 0, "belay_restarts_total": 0, "belay_restart_failures_total": 0,
			"belay_component_up{db}": 0, "belay_component_up{bad}": 0, "belay_component_failed{db}": 0, "belay_component_failed{bad}": 0,
			"belay_component_stop_seconds{db}": 0, "belay_component_stop_seconds{bad}": 0,
		}, got)

		done := make(chan struct{})
		go func() { // ends with the stop below
			defer close(done)
			_, _ = m.Run(t.Context())
		}()
		time.Sleep(2500 * time.Millisecond)
		got = values(t, text(t, c))
		require.Equal(t, []float64{0, 1, 0, 2}, of(got, "belay_ready", "belay_component_up{db}", "belay_component_up{bad}", "belay_component_start_seconds{db}"))
		require.NotContains(t, got, "belay_start_seconds")
		require.NotContains(t, got, "belay_component_start_seconds{bad}")

		time.Sleep(time.Minute)
		require.Error(t, m.Restart(t.Context())) // not enabled
		got = values(t, text(t, c))
		require.Equal(t, []float64{1, 0, 3, 1, 1, 1}, of(got, "belay_ready", "belay_stopping", "belay_start_seconds", "belay_component_up{bad}", "belay_restarts_total", "belay_restart_failures_total"))

		m.Stop(nil)
		time.Sleep(2500 * time.Millisecond)
		got = values(t, text(t, c))
		require.Equal(t, []float64{0, 1, 2.5, 30}, of(got, "belay_ready", "belay_stopping", "belay_stop_seconds", "belay_stop_budget_seconds"))
		require.Equal(t, []float64{0, 1, 1, 0, 1.5}, of(got, "belay_component_up{bad}", "belay_component_failed{bad}", "belay_component_stop_seconds{bad}", "belay_component_failed{db}", "belay_component_stop_seconds{db}"))
		<-done
		time.Sleep(time.Hour)
		got = values(t, text(t, c))
		require.Equal(t, []float64{1, 4, 0, 3}, of(got, "belay_stopping", "belay_stop_seconds", "belay_component_failed{db}", "belay_component_stop_seconds{db}"))
	})
}

func TestAComponentIsUpInItsPreStopAndHasFailedIfItIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(graceful.Options{Budget: time.Minute, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"})
		cut := make(chan struct{})
		m.Add(0, graceful.Component{
			Name: "slow", Limit: time.Second,
			PreStop: func(context.Context) error { time.Sleep(time.Second / 2); return nil },
			Stop:    func(context.Context) error { <-cut; return nil },
			Cut:     func() { close(cut) },
		})
		c := belayprometheus.New(belayprometheus.Options{Manager: m})
		done := make(chan struct{})
		go func() { // ends with the stop below
			defer close(done)
			_, _ = m.Run(t.Context())
		}()
		synctest.Wait()
		m.Stop(nil)
		synctest.Wait()
		require.Equal(t, []float64{1, 1, 0}, of(values(t, text(t, c)), "belay_stopping", "belay_component_up{slow}", "belay_component_failed{slow}"))
		<-done
		require.Equal(t, []float64{0, 1}, of(values(t, text(t, c)), "belay_component_up{slow}", "belay_component_failed{slow}"))
	})
}

func of(got map[string]float64, names ...string) (list []float64) {
	for _, name := range names {
		v, there := got[name]
		if !there {
			v = math.NaN()
		}
		list = append(list, v)
	}
	return list
}

func TestAStopWithoutABudgetHasNone(t *testing.T) {
	m := graceful.New(graceful.Options{Budget: -1})
	require.NotContains(t, text(t, belayprometheus.New(belayprometheus.Options{Manager: m})), "belay_stop_budget_seconds")
}

func TestAComponentWithANameThatIsNoTextCostsNoScrape(t *testing.T) {
	m := graceful.New(graceful.Options{})
	m.Add(0, graceful.Component{Name: "a\xff", Stop: func(context.Context) error { return nil }})
	require.Contains(t, text(t, belayprometheus.New(belayprometheus.Options{Manager: m})), "belay_component_up{name=\"a\uFFFD\"} 0")
}

func TestNilFuncsAndNamesThatAreNoTextPanic(t *testing.T) {
	for want, opts := range map[string]belayprometheus.Options{
		"belayprometheus: nil func": {Stats: map[string]func() belay.Stats{"a": nil}},
		"belayprometheus: name is not UTF-8": {Pools: map[string]func() pool.Counts{
			"\xff": func() pool.Counts { return pool.Counts{} },
		}},
	} {
		require.PanicsWithValue(t, want, func() { belayprometheus.New(opts) })
	}
	require.PanicsWithValue(t, "belayprometheus: nil func", func() {
		belayprometheus.New(belayprometheus.Options{Pools: map[string]func() pool.Counts{"a": nil}})
	})
	require.PanicsWithValue(t, "belayprometheus: nil func", func() {
		belayprometheus.New(belayprometheus.Options{Fleets: map[string]func() belayprometheus.Fleet{"a": nil}})
	})
}

func TestASecondCollectorIsRefusedUnlessItIsToldApart(t *testing.T) {
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(everything(nil)))
	require.ErrorAs(t, registry.Register(everything(nil)), &prometheus.AlreadyRegisteredError{})
	registry = prometheus.NewRegistry()
	for _, part := range []string{"a", "b"} {
		require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"part": part}, registry).Register(everything(nil)))
	}
	require.Contains(t, textOf(t, registry), `belay_limit{name="requests",part="b"} 11`)
	require.Empty(t, values(t, text(t, belayprometheus.New(belayprometheus.Options{}))), "nothing to show")
}

func TestNobodyWouldNameTheMetricsOtherwise(t *testing.T) {
	m := graceful.New(graceful.Options{})
	m.Add(0, graceful.Component{Name: "db", Stop: func(context.Context) error { return nil }})
	problems, err := testutil.CollectAndLint(everything(m))
	require.NoError(t, err)
	require.Empty(t, problems)
}

// described are the names of all metrics, whether or not they have a value now.
func described(t *testing.T) []string {
	t.Helper()
	descs := make(chan *prometheus.Desc, 100)
	everything(graceful.New(graceful.Options{})).Describe(descs)
	close(descs)
	found := map[string]bool{}
	for d := range descs {
		_, rest, _ := strings.Cut(fmt.Sprint(d), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		require.False(t, found[name], name)
		found[name] = true
	}
	return slices.Sorted(maps.Keys(found))
}
