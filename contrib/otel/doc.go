// Package belayotel shows OpenTelemetry what limits, groups, pools and a manager
// say of themselves: as metrics, and the life of a process as spans.
//
//	registration, err := belayotel.Register(belayotel.Options{Stats: stats, Manager: m})
//	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{Shutdown: provider.Shutdown}))
//
// where stats is the map that graceful/status takes for its page: one map, by
// name, serves both. The package needs OpenTelemetry's API alone; the SDK is the
// program's.
//
// # Metrics
//
// README.md lists them. All are observed by one callback, which calls each func
// once for each collection. The only attribute is belay.name, whose values are the
// keys of the maps and the names of the manager's components: they are fixed when
// the program is written. Keys of a keyed limit, clients and paths are never
// attributes. A limit that has no bound has no belay.limit. If the limit behind a
// func is replaced, its counters begin anew.
//
// The API has no asynchronous histogram, and buckets as counters with an
// attribute for the bound would be no histogram to any backend. So Register has
// the number of waits that were measured and their sum, which give the mean, and
// the package waittime has the whole histogram, as a Producer of the SDK.
//
// # Spans
//
// [Spans] makes three traces of a process's life: "graceful start" when it is
// ready or its start has failed, "graceful restart" when an attempt to replace it
// has been settled, with its steps as events, and "graceful stop" as the last
// thing before the provider is shut down. Phases are children of these, components
// children of the phases. They have the times at which it happened, and are made
// when it has: what a kill prevents leaves no span.
//
// [Task] gives a task of an errgroup a span of its own that is linked to the
// group's, if there is something to trace, and costs nothing if not.
//
// When not to use it: beside contrib/prometheus in the same process for the same
// scraper, which would see everything twice under two names.
//
// # What it will not do
//
// It sets no global provider, samples nothing, and starts no goroutine. It has no
// span for each acquire of a limit, which would cost more than the limit.
package belayotel
