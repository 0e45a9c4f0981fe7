package belayotel

// Tasks of an errgroup in traces.

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Task returns f as a task for GoContext of an errgroup, with a span of its own,
// called name, around it. The span is a child of that in ctx, the one of whoever
// gives the group the task, and has a link to that in the group's context, where
// it is another one: a group that outlives a request is found from its trace, and
// doesn't swallow it.
//
//	err := g.GoContext(ctx, belayotel.Task(ctx, "resize", resize))
//
// f gets the group's context, with the new span in it; a group's end still cancels
// it, and what ends ctx doesn't. The error of f, a panic and a Goexit make the
// span's status an error, and go on as they would.
//
// If the span in ctx is not recording, there is nothing to trace: Task returns f
// itself, allocates nothing, and the task pays nothing. It panics for a nil f, and
// may be called concurrently, as may what it returns.
func Task(ctx context.Context, name string, f func(context.Context) error) func(context.Context) error {
	if f == nil {
		panic("belayotel: Task of a nil func")
	}
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() || !parent.SpanContext().IsValid() {
		return f
	}
	return traced(parent, name, f)
}

// traced is apart so that only those who trace pay for the closure.
func traced(parent trace.Span, name string, f func(context.Context) error) func(context.Context) error {
	return func(group context.Context) (err error) {
		var opts []trace.SpanStartOption
		if of := trace.SpanContextFromContext(group); of.IsValid() && !of.Equal(parent.SpanContext()) {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: of}))
		}
		ctx, span := parent.TracerProvider().Tracer(scope).Start(trace.ContextWithSpan(group, parent), name, opts...)
		returned := false
		defer func() { // in a func, or the SDK's End would recover the panic and raise another
			switch {
			case !returned:
				span.SetStatus(codes.Error, "panic or Goexit")
			case err != nil:
				span.RecordError(err)
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}()
		err = f(ctx)
		returned = true
		return err
	}
}
