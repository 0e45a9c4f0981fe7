package belayprometheus

// The collector: what it was given, and how a scrape goes through it.

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/pool"
)

// Options are what [New] shows; what is nil is left out.
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
}

// Fleet is how a shared limit stands, at one instant. The State of contrib/redis
// is one, and so is whatever has these methods:
//
//	Fleets: map[string]func() belayprometheus.Fleet{
//		"logins": func() belayprometheus.Fleet { return limit.State() },
//	}
type Fleet interface {
	// Gauges returns whether the limit is local, by how many processes it is
	// shared, 0 if unknown, what this one's share is, and what it has in advance.
	Gauges() (local bool, members int, share float64, leased int64)

	// Counters returns, since the beginning, how often the mode has changed, the
	// round trips, those of them that failed, and the calls that were refused
	// without a word from what the limit is shared by.
	Counters() (changes, trips, failures, refused uint64)
}

// New returns a collector to register. It panics for a nil func, and for a name
// that isn't UTF-8, which Prometheus would answer with the loss of the whole
// scrape. The maps may be changed afterwards, without effect; to show another
// limit under a name, let its func look for it. The collector is safe for
// concurrent use.
//
// Its descriptions are fixed, so a second one in the same registry is refused
// as a duplicate: show all there is with one, or tell them apart by registering
// each through [prometheus.WrapRegistererWith].
func New(opts Options) prometheus.Collector {
	c := &collector{manager: opts.Manager}
	for _, name := range names(opts.Stats) {
		c.stats = append(c.stats, source[belay.Stats]{name, opts.Stats[name]})
	}
	for _, name := range names(opts.Pools) {
		c.pools = append(c.pools, source[pool.Counts]{name, opts.Pools[name]})
	}
	for _, name := range names(opts.Fleets) {
		c.fleets = append(c.fleets, source[Fleet]{name, opts.Fleets[name]})
	}
	for _, s := range c.stats {
		check(s.name, s.read == nil)
	}
	for _, s := range c.fleets {
		check(s.name, s.read == nil)
	}
	for _, s := range c.pools {
		check(s.name, s.read == nil)
	}
	return c
}

func names[T any](m map[string]func() T) []string { return slices.Sorted(maps.Keys(m)) }

func check(name string, none bool) {
	if none {
		panic("belayprometheus: nil func")
	}
	if !utf8.ValidString(name) {
		panic("belayprometheus: name is not UTF-8")
	}
}

// A collector is immutable.
type collector struct {
	stats   []source[belay.Stats]
	pools   []source[pool.Counts]
	fleets  []source[Fleet]
	manager *graceful.Manager // nil: none
}

// A source is what one func says, under its name.
type source[T any] struct {
	name string
	read func() T
}

// A family is one metric of everything that says a T.
type family[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
	there func(T) bool // nil: always
}

func gauge[T any](name, help string, value func(T) float64, labels ...string) family[T] {
	return family[T]{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value, nil}
}

func counter[T any](name, help string, value func(T) float64, labels ...string) family[T] {
	return family[T]{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue, value, nil}
}

// where returns the family with values only for those that have one.
func (f family[T]) where(there func(T) bool) family[T] {
	f.there = there
	return f
}

func describe[T any](families []family[T], ch chan<- *prometheus.Desc) {
	for _, f := range families {
		ch <- f.desc
	}
}

func collect[T any](families []family[T], v T, ch chan<- prometheus.Metric, labels ...string) {
	for _, f := range families {
		if f.there == nil || f.there(v) {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(v), labels...)
		}
	}
}

// Describe sends what Collect may send: all of it, whether or not there is
// something to show now, so that a registry can check it.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	if len(c.stats) > 0 {
		describe(ofStats, ch)
		ch <- waitSeconds
	}
	if len(c.pools) > 0 {
		describe(ofPools, ch)
	}
	if len(c.fleets) > 0 {
		describe(ofFleets, ch)
	}
	if c.manager != nil {
		describe(ofManager, ch)
		describe(ofComponents, ch)
	}
}

// Collect asks each func once.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.stats {
		stats := s.read()
		collect(ofStats, stats, ch, s.name)
		ch <- waits(stats.WaitTime, s.name)
	}
	for _, s := range c.pools {
		collect(ofPools, s.read(), ch, s.name)
	}
	for _, s := range c.fleets {
		collect(ofFleets, read(s.read()), ch, s.name)
	}
	if c.manager != nil {
		now := time.Now()
		rep := c.manager.Report()
		collect(ofManager, moment{rep, now}, ch)
		for _, res := range rep.Components {
			collect(ofComponents, res, ch, legible(res.Name))
		}
	}
}
