package belayotel

// The life of a process as spans: when they are made, and the component that
// makes the last ones.

import (
	"cmp"
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/belay-go/belay/graceful"
)

// SpanOptions are the knobs of [Spans]; the zero value has the defaults.
type SpanOptions struct {
	// TracerProvider takes the spans. Nil is the global one.
	TracerProvider trace.TracerProvider

	// Shutdown is the provider's: it is called when the last span was made, to
	// send what is left. Nil is none.
	Shutdown func(context.Context) error

	// Name is the component's; empty is "traces". Limit bounds its stop, since
	// whoever takes the spans may be what does not answer any more; zero is 2 s.
	Name  string
	Limit time.Duration
}

// Spans observes m, and returns a component that makes the spans of the stop when
// its turn to stop has come. It has to be the last, so give it a phase of its own
// below all others:
//
//	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{Shutdown: provider.Shutdown}))
//
// Those of the start are made when the manager is ready, those of a restart when
// it is known how it went: on Run's goroutine, where a span processor that blocks
// would hold up the manager. The SDK's batching one doesn't. If the start fails
// before this component was started, as for an address that is taken, nothing of it
// is stopped either, and Shutdown is not called: defer it in main as well, where a
// second call does no harm.
//
// Spans panics for a nil manager, and after Run was called.
func Spans(m *graceful.Manager, opts SpanOptions) graceful.Component {
	if m == nil {
		panic("belayotel: Spans with a nil manager")
	}
	s := &spans{m: m, opts: opts, name: cmp.Or(opts.Name, "traces")}
	s.mu.settled = map[int]bool{}
	m.Observe(s.observe)
	return graceful.Component{Name: s.name, Limit: cmp.Or(opts.Limit, 2*time.Second), Stop: s.stop}
}

type spans struct {
	m    *graceful.Manager
	opts SpanOptions
	name string // of the component

	mu struct {
		sync.Mutex
		started bool              // the trace of the start was made
		stopped bool              // that of the stop was
		start   trace.SpanContext // of the start, for the others to link to
		settled map[int]bool      // the restarts whose traces were made, by number
	}
}

func (s *spans) tracer() trace.Tracer {
	provider := s.opts.TracerProvider
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	return provider.Tracer(scope)
}

// observe makes the traces of what is over.
func (s *spans) observe(rep graceful.Report) {
	now := time.Now()
	s.mu.Lock()
	starts := !s.mu.started && (rep.Ready || rep.Cause != nil)
	s.mu.started = s.mu.started || starts
	s.mu.Unlock()
	if starts {
		start := s.traceStart(rep, now)
		s.mu.Lock()
		s.mu.start = start
		s.mu.Unlock()
	}
	for _, res := range s.settle(rep, false) {
		s.traceRestart(rep, res, now)
	}
	if rep.State == "done" {
		s.end(rep, now)
	}
}

// stop makes the traces of what is not over, but as good as.
func (s *spans) stop(ctx context.Context) error {
	s.end(s.m.Report(), time.Now())
	if s.opts.Shutdown == nil {
		return nil
	}
	return s.opts.Shutdown(ctx)
}

func (s *spans) end(rep graceful.Report, now time.Time) {
	s.mu.Lock()
	again := s.mu.stopped
	s.mu.stopped = true
	s.mu.Unlock()
	if again {
		return
	}
	for _, res := range s.settle(rep, true) {
		s.traceRestart(rep, res, now)
	}
	s.traceStop(rep, now)
}

// settle returns the restarts whose traces are to be made now: those that are
// settled, or all.
func (s *spans) settle(rep graceful.Report, all bool) (due []graceful.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := rep.RestartsTried - len(rep.Restarts)
	for i := range s.mu.settled {
		if i < first {
			delete(s.mu.settled, i)
		}
	}
	for i, res := range rep.Restarts {
		settled := all || res.Outcome == "failed" || res.Outcome == "replaced" || res.Outcome == "came back"
		if settled && !s.mu.settled[first+i] {
			s.mu.settled[first+i] = true
			due = append(due, res)
		}
	}
	return due
}
