package recipes

// expvar and log/slog need no library: what limits, groups and pools say of
// themselves is a plain value.

import (
	"expvar"
	"log/slog"

	"github.com/belay-go/belay"
)

// Expvar publishes stats under a name, for /debug/vars: the map that
// graceful/status, contrib/prometheus and contrib/otel take. A name can be
// published once in a process, and never be taken back.
func Expvar(name string, stats map[string]func() belay.Stats) {
	expvar.Publish(name, expvar.Func(func() any {
		now := make(map[string]belay.Stats, len(stats))
		for name, read := range stats {
			now[name] = read()
		}
		return now
	}))
}

// Logged is a belay.Stats as slog's attributes; zero counters are left out:
//
//	log.Warn("too many requests", "limit", recipes.Logged(sem.Stats()))
//
// It is taken apart only by a handler that logs at that level.
type Logged belay.Stats

// LogValue implements [slog.LogValuer].
func (s Logged) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int64("in_flight", s.InFlight), slog.Int64("waiting", s.Waiting)}
	if s.Limit >= 0 {
		attrs = append([]slog.Attr{slog.Int64("limit", s.Limit)}, attrs...)
	}
	for _, counter := range []struct {
		key string
		n   uint64
	}{
		{"total", s.Total}, {"waited", s.Waited}, {"refused", s.Refused}, {"cancelled", s.Cancelled},
		{"failed", s.Failed}, {"panicked", s.Panicked}, {"skipped", s.Skipped},
	} {
		if counter.n > 0 {
			attrs = append(attrs, slog.Uint64(counter.key, counter.n))
		}
	}
	if sum := s.WaitTime.Sum; sum > 0 {
		attrs = append(attrs, slog.Duration("wait_time", sum))
	}
	return slog.GroupValue(attrs...)
}
