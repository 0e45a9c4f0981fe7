package belay_test

// This file asks a running manager whether what it logs and shows is in
// api/ops.txt: the list is read from the source, and might miss something.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
	"github.com/belay-go/belay/internal/ops"
	"github.com/belay-go/belay/limiter/semaphore"
)

// heard is a handler that keeps what is logged, as "LEVEL message" and the keys.
type heard struct {
	mu    sync.Mutex
	lines [][]string
}

func (h *heard) Enabled(context.Context, slog.Level) bool { return true }
func (h *heard) WithAttrs([]slog.Attr) slog.Handler       { panic("no logger of ours has keys of its own") }
func (h *heard) WithGroup(string) slog.Handler            { panic("nor groups") }
func (h *heard) Handle(_ context.Context, r slog.Record) error {
	line := []string{r.Level.String() + " " + r.Message}
	r.Attrs(func(a slog.Attr) bool { line = append(line, a.Key); return true })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
	return nil
}

// listed reports whether a line with these keys is among the facts.
func listed(facts []ops.Fact, line []string) bool {
	return slices.ContainsFunc(facts, func(f ops.Fact) bool {
		level, rest, _ := strings.Cut(f.More, " ")
		if f.Kind != "log" || f.Of != "graceful" || level+" "+f.Name != line[0] {
			return false
		}
		keys := line[1:]
		for _, key := range strings.Fields(rest) {
			bare := strings.Trim(key, "[]")
			if len(keys) > 0 && keys[0] == bare {
				keys = keys[1:]
			} else if bare == key {
				return false // it is always there
			}
		}
		return len(keys) == 0
	})
}

// keysOf are the paths of a JSON value, as the facts have them.
func keysOf(path string, v any, add func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			keysOf(strings.TrimPrefix(path+"."+key, "."), inner, add)
		}
	case []any:
		for _, inner := range v {
			keysOf(path+"[]", inner, add)
		}
	default:
		add(path)
	}
}

func TestWhatARunningManagerLogsAndShowsIsListed(t *testing.T) {
	found := facts(t)
	log := &heard{}
	m := graceful.New(graceful.Options{Logger: slog.New(log), Signals: []os.Signal{}, TerminationLog: "-"})
	page := status.Handler(m, status.Options{Detail: true, Stats: map[string]func() belay.Stats{"sem": semaphore.NewWeighted(1).Stats}})
	shown := map[string]bool{}
	look := func() {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/?format=json", nil))
		var all any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &all))
		keysOf("", all, func(path string) { shown[path] = true })
	}
	m.Add(0, graceful.Component{Name: "bad", Stop: func(context.Context) error { return errors.New("made to fail") }})
	m.Add(1, graceful.Component{Name: "last", Start: func(context.Context) error { m.Stop(nil); return nil }, Stop: func(context.Context) error { return nil }})
	look()
	_, err := m.Run(t.Context())
	require.Error(t, err)
	look()

	require.Greater(t, len(log.lines), 3)
	for _, line := range log.lines {
		require.True(t, listed(found, line), "%q", line)
	}
	require.Greater(t, len(shown), 20)
	for path := range shown {
		require.True(t, slices.ContainsFunc(found, func(f ops.Fact) bool {
			return f.Kind == "json" && f.Of == "graceful/status" && f.Name == path
		}), path)
	}
	for _, c := range m.Report().Components {
		require.Contains(t, found, ops.Fact{Kind: "value", Of: "graceful", Name: "outcome", More: fmt.Sprintf("%q", c.Outcome)})
	}
	require.False(t, listed(found, []string{"INFO graceful: planted"}))
	require.False(t, listed(found, []string{"INFO graceful: stopping", "cause", "planted"}))
}
