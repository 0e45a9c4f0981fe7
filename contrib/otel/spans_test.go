package belayotel_test

// The traces of a process's life, as the SDK exports them.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/belay-go/belay/contrib/otel"
	"github.com/belay-go/belay/graceful"
)

// exported keeps what it got over a shutdown, other than the SDK's own.
type exported struct{ *tracetest.InMemoryExporter }

func (exported) Shutdown(context.Context) error { return nil }

func newExported() (exported, *sdktrace.TracerProvider) {
	e := exported{tracetest.NewInMemoryExporter()}
	return e, sdktrace.NewTracerProvider(sdktrace.WithBatcher(e))
}

func quietly() graceful.Options {
	return graceful.Options{Budget: time.Minute, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"}
}

func attributes(s tracetest.SpanStub) map[attribute.Key]string {
	got := map[attribute.Key]string{}
	for _, a := range s.Attributes {
		got[a.Key] = a.Value.String()
	}
	return got
}

// tree draws the spans below a parent, each with its times since began, in the
// order in which they were exported.
func tree(spans tracetest.SpanStubs, parent tracetest.SpanStub, began time.Time, indent string) (lines []string) {
	for _, s := range spans {
		if s.Parent.SpanID() != parent.SpanContext.SpanID() || parent.Name == "" && s.Parent.IsValid() {
			continue
		}
		line := fmt.Sprintf("%s%s %v-%v", indent, s.Name, s.StartTime.Sub(began), s.EndTime.Sub(began))
		if outcome := attributes(s)["belay.outcome"]; outcome != "" {
			line += " " + outcome
		}
		if s.Status.Code == codes.Error {
			line += " ERROR " + s.Status.Description
		}
		lines = append(lines, line)
		lines = append(lines, tree(spans, s, began, indent+"  ")...)
	}
	return lines
}

func of(spans tracetest.SpanStubs, name string) (found []tracetest.SpanStub) {
	for _, s := range spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

func TestAProcesssLifeIsThreeTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := func(n time.Duration, err error) func(context.Context) error {
			return func(context.Context) error { time.Sleep(n * time.Second); return err }
		}
		e, provider := newExported()
		m := graceful.New(quietly())
		m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown}))
		m.Add(1, graceful.Component{Name: "db", Start: takes(2, nil), Stop: takes(3, nil)})
		m.Add(2, graceful.Component{Name: "cache", Start: takes(1, nil), Stop: takes(1, errMade)},
			graceful.Component{Name: "web", Start: takes(2, nil), Stop: takes(2, nil), PreStop: takes(4, nil)})
		began := time.Now()
		done := make(chan error)
		go func() { // ends with the stop below
			_, err := m.Run(t.Context())
			done <- err
		}()
		time.Sleep(10 * time.Second)
		require.Error(t, m.Restart(t.Context())) // not enabled
		synctest.Wait()
		require.NoError(t, provider.ForceFlush(t.Context()))
		require.Len(t, of(e.GetSpans(), "graceful start"), 1, "while it runs")
		require.Len(t, of(e.GetSpans(), "graceful restart"), 1)
		require.Empty(t, of(e.GetSpans(), "graceful stop"))
		time.Sleep(10 * time.Second)
		m.Stop(errors.New("enough"))
		require.ErrorIs(t, <-done, errMade)
		spans := e.GetSpans()
		require.Equal(t, strings.TrimSpace(`
graceful start 0s-4s
  start phase -1 0s-0s
    start traces 0s-0s up
  start phase 1 0s-2s
    start db 0s-2s up
  start phase 2 2s-4s
    start web 2s-4s up
    start cache 2s-3s up
graceful restart 10s-10s failed ERROR failed
graceful stop 20s-29s ERROR exit code 1
  pre-stop 20s-24s
  stop phase 2 24s-26s
    stop cache 24s-25s failed ERROR failed
    stop web 24s-26s stopped
  stop phase 1 26s-29s
    stop db 26s-29s stopped`), strings.Join(sorted(spans, began), "\n"))

		stop, start := of(spans, "graceful stop")[0], of(spans, "graceful start")[0]
		require.Equal(t, "enough", attributes(stop)["belay.cause"])
		require.Equal(t, "0", attributes(stop)["belay.generation"])
		require.Equal(t, start.SpanContext.SpanID(), stop.Links[0].SpanContext.SpanID())
		require.NotEqual(t, start.SpanContext.TraceID(), stop.SpanContext.TraceID())
		restart := of(spans, "graceful restart")[0]
		require.Equal(t, []string{"asked for", "failed", "exception"}, eventsOf(restart))
		require.Equal(t, map[attribute.Key]string{"belay.phase": "2", "belay.name": "cache", "belay.outcome": "failed"}, attributes(of(spans, "stop cache")[0]))
		require.Equal(t, []string{"exception"}, eventsOf(of(spans, "stop cache")[0]))
	})
}

// sorted draws all trees. A child is exported before its parent, but in the
// order of its siblings.
func sorted(spans tracetest.SpanStubs, began time.Time) []string {
	return tree(spans, tracetest.SpanStub{}, began, "")
}

func eventsOf(s tracetest.SpanStub) (names []string) {
	for _, e := range s.Events {
		names = append(names, e.Name)
	}
	return names
}

func TestWhatHangsIsInTheSpanOfItsStop(t *testing.T) {
	e, provider := newExported()
	m := graceful.New(quietly())
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown}))
	hangs := make(chan struct{})
	defer close(hangs)
	m.Add(1, graceful.Component{Name: "consumer", Limit: time.Millisecond, Stop: func(context.Context) error { <-hangs; return nil }})
	m.Observe(func(rep graceful.Report) {
		if rep.State == "ready" {
			m.Stop(nil)
		}
	})
	_, err := m.Run(t.Context())
	require.Error(t, err)
	stop := of(e.GetSpans(), "stop consumer")
	require.Len(t, stop, 1)
	require.Equal(t, "stuck", attributes(stop[0])["belay.outcome"])
	require.Contains(t, attributes(stop[0])["belay.where"], "chan receive")
	require.Equal(t, codes.Error, stop[0].Status.Code)
}

func TestAStartThatFailsIsATraceToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, provider := newExported()
		m := graceful.New(quietly())
		m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown, Name: "otel"}))
		m.Add(1, graceful.Component{Name: "db", Start: func(context.Context) error { time.Sleep(time.Second); return errMade }},
			graceful.Component{Name: "slow", Start: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
		m.Add(2, graceful.Component{Name: "never", Start: func(context.Context) error { return nil }})
		began := time.Now()
		_, err := m.Run(t.Context())
		require.ErrorIs(t, err, errMade)
		lines := sorted(e.GetSpans(), began)
		require.Contains(t, lines[0], "graceful start 0s-1s ERROR graceful: db: start: made to fail")
		require.Contains(t, lines, "    start db 0s-1s failed ERROR failed")
		require.Contains(t, lines, "    start otel 0s-0s up")
		require.NotContains(t, strings.Join(lines, "\n"), "never")
		require.Len(t, of(e.GetSpans(), "graceful stop"), 1)
	})
}

// Nothing is started, so the component's stop never comes: Run's last words to
// observers are what makes the traces, and the program shuts the provider down.
func TestAnAddressThatIsTakenIsATraceToo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	e, provider := newExported()
	m := graceful.New(quietly())
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown}))
	m.Add(1, graceful.HTTP("web", ln.Addr().String(), &http.Server{}))
	_, err = m.Run(t.Context())
	require.Error(t, err)
	require.Empty(t, e.GetSpans())
	require.NoError(t, provider.Shutdown(t.Context()))
	require.Contains(t, sorted(e.GetSpans(), time.Now())[0], "address already in use")
	require.Len(t, of(e.GetSpans(), "graceful stop"), 1)
}

func TestTheErrorOfTheShutdownIsTheComponents(t *testing.T) {
	m := graceful.New(quietly())
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{Shutdown: func(context.Context) error { return errMade }}))
	m.Observe(func(rep graceful.Report) {
		if rep.State == "ready" {
			m.Stop(nil)
		}
	})
	rep, err := m.Run(t.Context())
	require.ErrorIs(t, err, errMade)
	require.Equal(t, "traces", rep.Components[0].Name)
	require.Equal(t, 2*time.Second, rep.Components[0].Limit)
	require.PanicsWithValue(t, "belayotel: Spans with a nil manager", func() { belayotel.Spans(nil, belayotel.SpanOptions{}) })
	require.PanicsWithValue(t, "graceful: Observe after Run", func() { belayotel.Spans(m, belayotel.SpanOptions{}) })
}

// It is asked for when there is something to trace: a program may set it later.
func TestTheGlobalTracerProviderTakesWhatNoOtherIsGivenFor(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	m := graceful.New(quietly())
	m.Add(0, belayotel.Spans(m, belayotel.SpanOptions{}))
	e, provider := newExported()
	otel.SetTracerProvider(provider)
	m.Observe(func(rep graceful.Report) {
		if rep.State == "ready" {
			m.Stop(nil)
		}
	})
	_, err := m.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, provider.ForceFlush(t.Context()))
	require.Len(t, of(e.GetSpans(), "graceful start"), 1)
	require.Len(t, of(e.GetSpans(), "graceful stop"), 1, "and not again at the end")
	require.NoError(t, provider.Shutdown(t.Context()))
}
