package belayotel

// The metrics: what they are called, and the callback that observes them all.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/pool"
)

// scope is the instrumentation scope of metrics and spans.
const scope = "github.com/belay-go/belay/contrib/otel"

// nameKey is the only attribute of metrics.
const nameKey = attribute.Key("belay.name")

// Options are what [Register] shows; what is nil is left out.
type Options struct {
	// Stats are limits and groups by name: the Stats methods of semaphores,
	// rates, groups, pools and the like. They must not wait.
	Stats map[string]func() belay.Stats

	// Pools are the Counts methods of pools, by name: what a pool has besides
	// its Stats, which may stand under the same name in the map above.
	Pools map[string]func() pool.Counts

	// Fleets are limits that several processes share, by name: how they stand
	// with what they share them by. The funcs must not wait. Stats may have the
	// same names.
	Fleets map[string]func() Fleet

	// Manager is the one whose state, components and restarts are shown.
	Manager *graceful.Manager

	// MeterProvider takes the metrics. Nil is the global one.
	MeterProvider metric.MeterProvider
}

// Register registers what is in opts. From then on each collection calls each
// func once, until the registration is unregistered. It panics for a nil func;
// an error is that of the provider, and nothing is observed then. The maps may be
// changed afterwards, without effect; to show another limit under a name, let its
// func look for it.
func Register(opts Options) (metric.Registration, error) {
	for _, f := range opts.Stats {
		check(f == nil)
	}
	for _, f := range opts.Pools {
		check(f == nil)
	}
	for _, f := range opts.Fleets {
		check(f == nil)
	}
	provider := opts.MeterProvider
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	r := &registrar{meter: provider.Meter(scope)}
	var asked []func(metric.Observer)
	if len(opts.Stats) > 0 {
		asked = append(asked, each(r, ofStats, opts.Stats))
	}
	if len(opts.Pools) > 0 {
		asked = append(asked, each(r, ofPools, opts.Pools))
	}
	if len(opts.Fleets) > 0 {
		asked = append(asked, each(r, ofFleets, standings(opts.Fleets)))
	}
	if opts.Manager != nil {
		asked = append(asked, ofManagerAt(r, opts.Manager))
	}
	if r.err != nil {
		return nil, fmt.Errorf("belayotel: %w", r.err)
	}
	registration, err := r.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, ask := range asked {
			ask(o)
		}
		return nil
	}, r.all...)
	if err != nil {
		return nil, fmt.Errorf("belayotel: %w", err)
	}
	return registration, nil
}

func check(none bool) {
	if none {
		panic("belayotel: nil func")
	}
}

// kind says which instrument a metric is.
type kind uint8

const (
	level kind = iota // adds up over instances, and goes up and down
	count             // only ever goes up
	state             // adding it up means nothing
	part              // as that, and may be a part of one
)

// A family is one metric of everything that says a T. Those whose unit is
// seconds, and parts, are floats, all others whole numbers.
type family[T any] struct {
	name, unit, help string
	kind             kind
	value            func(T) float64
	there            func(T) bool // nil: always
}

// A registrar makes instruments, and keeps the first error.
type registrar struct {
	meter metric.Meter
	all   []metric.Observable
	err   error
}

// An observation takes one value.
type observation func(o metric.Observer, v float64, opts ...metric.ObserveOption)

func (r *registrar) whole(i metric.Int64Observable, err error) observation {
	r.keep(i, err)
	return func(o metric.Observer, v float64, opts ...metric.ObserveOption) { o.ObserveInt64(i, int64(v), opts...) }
}

func (r *registrar) float(i metric.Float64Observable, err error) observation {
	r.keep(i, err)
	return func(o metric.Observer, v float64, opts ...metric.ObserveOption) { o.ObserveFloat64(i, v, opts...) }
}

func (r *registrar) keep(i metric.Observable, err error) {
	r.all = append(r.all, i)
	if r.err == nil {
		r.err = err
	}
}

// instrument makes the one that fits.
func (r *registrar) instrument(kind kind, name, unit, help string) observation {
	u, d := metric.WithUnit(unit), metric.WithDescription(help)
	seconds := unit == "s" || kind == part
	switch {
	case kind == count && seconds:
		i, err := r.meter.Float64ObservableCounter(name, u, d)
		return r.float(i, err)
	case kind == count:
		i, err := r.meter.Int64ObservableCounter(name, u, d)
		return r.whole(i, err)
	case kind == level:
		i, err := r.meter.Int64ObservableUpDownCounter(name, u, d)
		return r.whole(i, err)
	case seconds:
		i, err := r.meter.Float64ObservableGauge(name, u, d)
		return r.float(i, err)
	default:
		i, err := r.meter.Int64ObservableGauge(name, u, d)
		return r.whole(i, err)
	}
}

// instruments returns what observes all families of one T.
func instruments[T any](r *registrar, families []family[T]) func(o metric.Observer, v T, opts ...metric.ObserveOption) {
	observe := make([]observation, len(families))
	for i, f := range families {
		observe[i] = r.instrument(f.kind, f.name, f.unit, f.help)
	}
	return func(o metric.Observer, v T, opts ...metric.ObserveOption) {
		for i, f := range families {
			if f.there == nil || f.there(v) {
				observe[i](o, f.value(v), opts...)
			}
		}
	}
}

func named(name string) metric.ObserveOption {
	return metric.WithAttributeSet(attribute.NewSet(nameKey.String(name)))
}

// each returns what asks every func of a map.
func each[T any](r *registrar, families []family[T], funcs map[string]func() T) func(metric.Observer) {
	observe := instruments(r, families)
	type source struct {
		read func() T
		name metric.ObserveOption
	}
	var sources []source
	for _, name := range slices.Sorted(maps.Keys(funcs)) {
		sources = append(sources, source{funcs[name], named(name)})
	}
	return func(o metric.Observer) {
		for _, s := range sources {
			observe(o, s.read(), s.name)
		}
	}
}

// ofManagerAt returns what asks a manager.
func ofManagerAt(r *registrar, m *graceful.Manager) func(metric.Observer) {
	whole, part := instruments(r, ofManager), instruments(r, ofComponents)
	return func(o metric.Observer) {
		rep := m.Report()
		whole(o, moment{rep, time.Now()})
		for _, res := range rep.Components {
			part(o, res, named(res.Name))
		}
	}
}
