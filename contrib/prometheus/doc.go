// Package belayprometheus shows Prometheus what limits, groups, pools and a
// manager say of themselves. It takes one line:
//
//	prometheus.MustRegister(belayprometheus.New(belayprometheus.Options{Stats: stats, Manager: m}))
//
// where stats is the map that graceful/status takes for its page: one map, by
// name, serves both. A scrape calls each func once, keeps nothing from one
// scrape to the next, and starts nothing.
//
// # Names
//
// README.md lists all metrics. The only label is name, whose values are the
// keys of the maps and the names of the manager's components: they are fixed
// when the program is written. Keys of a keyed limit, clients and paths are
// never labels. Times are in seconds, counters end in _total.
//
// A limit that has no bound, -1 in [belay.Stats], has no belay_limit at all:
// +Inf would make every sum over limits infinite. A rate has a limit of zero,
// since nothing of it is in flight.
//
// # Counters that go down
//
// What the funcs return is exported as it is. If the limit behind a func is
// replaced, by a reload or a restart, its counters begin anew; to Prometheus
// that is a reset, which rate and increase take into account. A process that
// takes another one's place has counters of its own, and belay_generation,
// which is a value and not a label, says which it is.
//
// # Wait times
//
// belay_wait_seconds has the buckets of [belay.WaitHistogram], whose upper bounds
// are exclusive where those of Prometheus are inclusive. The difference is a wait
// that took exactly 1 µs, 4 µs and so on, to the nanosecond: it is counted in the
// bucket above. Bounds of 999 ns would be exact, and illegible. Its count may be
// less than belay_waited_total, and is zero for those that measure no times: a
// semaphore or a pool does with WaitTime in its Options, an errgroup with Track.
//
// When not to use it: beside contrib/otel with an exporter to the same Prometheus, and
// for a limit for each client, which is as many series as there are clients.
//
// # What it will not do
//
// It serves nothing: promhttp does. It asks no component where it hangs, since
// that takes a goroutine profile, and has no metric for each key, request or
// task.
package belayprometheus
