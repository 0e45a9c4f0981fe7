package belayotel

// The three traces, from what a report says.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/belay-go/belay/graceful"
)

// A stretch is what a component's start or stop took.
type stretch struct {
	graceful.Result
	from, to time.Time
}

// traceStart makes the trace of a start that is over, one way or another, and
// returns its root. Of a run that has not started anything there is none.
func (s *spans) traceStart(rep graceful.Report, now time.Time) trace.SpanContext {
	to := rep.Began.Add(rep.Ran) // the cause, if there is one
	if rep.Ready && rep.State == "ready" {
		to = rep.Since
	} else if rep.Ready {
		to = lastUp(rep)
	}
	var all []stretch
	failed := ""
	for _, res := range slices.Backward(rep.Components) { // in the order in which they start
		if wentWrong(res.Outcome) {
			failed = res.Outcome
		}
		switch {
		case res.Launched.IsZero():
		case !res.Up.IsZero():
			all = append(all, stretch{res, res.Launched, res.Up})
		case wentWrong(res.Outcome) || res.Outcome == "ended":
			all = append(all, stretch{res, res.Launched, res.Since})
		default:
			all = append(all, stretch{res, res.Launched, latest(to, res.Launched)})
		}
	}
	if len(all) == 0 && failed == "" && !rep.Ready {
		return trace.SpanContext{}
	}
	ctx, root := s.root("graceful start", rep, rep.Began)
	if rep.Cause != nil && !rep.Ready {
		root.SetAttributes(attribute.String("belay.cause", rep.Cause.Error()))
		if failed != "" {
			root.SetStatus(codes.Error, rep.Cause.Error())
		}
	}
	s.phases(ctx, "start", all, func(c stretch) bool { return c.Up.IsZero() && wentWrong(c.Outcome) })
	root.End(trace.WithTimestamp(latest(to, rep.Began)))
	return root.SpanContext()
}

// traceStop makes the trace of a stop, up to this component's.
func (s *spans) traceStop(rep graceful.Report, now time.Time) {
	if rep.Cause == nil {
		return // somebody has called the component's Stop
	}
	from := rep.Began.Add(rep.Ran)
	var all []stretch
	for _, res := range rep.Components {
		switch {
		case res.Name == s.name || res.Launched.IsZero() || res.Outcome == "never started":
		case res.Outcome == "stopping": // in our own phase
			all = append(all, stretch{res, res.Since, now})
		case res.Outcome == "up" || res.Outcome == "ended" || res.Outcome == "starting" || res.Since.IsZero(): // below ours
		default:
			all = append(all, stretch{res, res.Since.Add(-res.Used), res.Since})
		}
	}
	ctx, root := s.root("graceful stop", rep, from, s.toStart()...)
	root.SetAttributes(attribute.String("belay.cause", rep.Cause.Error()), attribute.Float64("belay.stop.budget", rep.Budget.Seconds()))
	if rep.Forced != nil {
		root.AddEvent("forced", trace.WithTimestamp(now), trace.WithAttributes(attribute.String("belay.signal", rep.Forced.String())))
	}
	if code := rep.ExitCode(); code != 0 {
		root.SetStatus(codes.Error, fmt.Sprint("exit code ", code))
	}
	began := now
	for _, c := range all {
		if c.from.After(from) && c.from.Before(began) {
			began = c.from
		}
	}
	_, pre := s.tracer().Start(ctx, "pre-stop", trace.WithTimestamp(from))
	pre.End(trace.WithTimestamp(began))
	s.phases(ctx, "stop", all, func(c stretch) bool { return wentWrong(c.Outcome) })
	root.End(trace.WithTimestamp(now))
}

// traceRestart makes the trace of an attempt to replace this process.
func (s *spans) traceRestart(rep graceful.Report, res graceful.Result, now time.Time) {
	_, root := s.root("graceful restart", rep, res.Launched, s.toStart()...)
	root.SetAttributes(attribute.String("belay.outcome", res.Outcome))
	if res.Detail != "" {
		root.SetAttributes(attribute.String("belay.process", res.Detail))
	}
	root.AddEvent("asked for", trace.WithTimestamp(res.Launched))
	if !res.Up.IsZero() {
		root.AddEvent("the new process accepts", trace.WithTimestamp(res.Up))
	}
	to := res.Since
	if res.Outcome == "starting" || res.Outcome == "probation" { // a stop came in between
		to = now
	} else {
		root.AddEvent(res.Outcome, trace.WithTimestamp(to))
	}
	if res.Err != nil {
		fail(root, res.Outcome, res.Err, to)
	}
	root.End(trace.WithTimestamp(to))
}

// root begins a trace of its own.
func (s *spans) root(name string, rep graceful.Report, from time.Time, links ...trace.Link) (context.Context, trace.Span) {
	return s.tracer().Start(context.Background(), name, trace.WithTimestamp(from), trace.WithLinks(links...),
		trace.WithAttributes(attribute.Int("belay.generation", rep.Generation)))
}

func (s *spans) toStart() []trace.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.start.IsValid() {
		return nil
	}
	return []trace.Link{{SpanContext: s.mu.start}}
}

// phases makes a span for each phase, with one for each component in it. All is
// grouped by phase.
func (s *spans) phases(ctx context.Context, what string, all []stretch, wrong func(stretch) bool) {
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(c stretch) bool { return c.Phase != all[0].Phase })
		if n < 0 {
			n = len(all)
		}
		phase := all[:n]
		all = all[n:]
		from, to := phase[0].from, phase[0].to
		for _, c := range phase {
			if c.from.Before(from) {
				from = c.from
			}
			to = latest(to, c.to)
		}
		number := attribute.Int("belay.phase", phase[0].Phase)
		within, span := s.tracer().Start(ctx, fmt.Sprintf("%s phase %d", what, phase[0].Phase), trace.WithTimestamp(from), trace.WithAttributes(number))
		for _, c := range phase {
			s.component(within, what, c, wrong(c), number)
		}
		span.End(trace.WithTimestamp(to))
	}
}

func (s *spans) component(ctx context.Context, what string, c stretch, wrong bool, phase attribute.KeyValue) {
	_, span := s.tracer().Start(ctx, what+" "+c.Name, trace.WithTimestamp(c.from),
		trace.WithAttributes(phase, nameKey.String(c.Name), attribute.String("belay.outcome", c.Outcome)))
	if c.Where != "" {
		span.SetAttributes(attribute.String("belay.where", c.Where))
	}
	if wrong {
		fail(span, c.Outcome, c.Err, c.to)
	}
	span.End(trace.WithTimestamp(c.to))
}

// fail marks a span, and keeps the error where there is one.
func fail(span trace.Span, outcome string, err error, at time.Time) {
	span.SetStatus(codes.Error, outcome)
	if err != nil {
		span.RecordError(err, trace.WithTimestamp(at))
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
