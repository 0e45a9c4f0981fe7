package belayotel_test

// Tasks of groups in traces: linked where there is something to trace, and free
// where not.

import (
	"context"
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/otel"
	"github.com/belay-go/belay/errgroup"
)

func TestATaskIsAChildOfItsCallerAndLinkedToItsGroup(t *testing.T) {
	e, provider := newExported()
	tracer := provider.Tracer("test")
	type key struct{}
	background, job := tracer.Start(context.WithValue(t.Context(), key{}, "the group's"), "job")
	g, groupCtx := errgroup.New(background, errgroup.Options{Limit: 2})
	request, span := tracer.Start(t.Context(), "request")
	var within trace.SpanContext
	require.NoError(t, g.GoContext(request, belayotel.Task(request, "resize", func(ctx context.Context) error {
		within = trace.SpanContextFromContext(ctx)
		require.Equal(t, "the group's", ctx.Value(key{}))
		_, cancelled := ctx.Deadline()
		require.False(t, cancelled)
		require.Equal(t, groupCtx.Done(), ctx.Done())
		return errMade
	})))
	require.ErrorIs(t, g.Wait(), errMade)
	span.End()
	job.End()
	require.NoError(t, provider.ForceFlush(t.Context()))
	tasks := of(e.GetSpans(), "resize")
	require.Len(t, tasks, 1)
	task := tasks[0]
	require.Equal(t, within.SpanID(), task.SpanContext.SpanID())
	require.Equal(t, span.SpanContext().SpanID(), task.Parent.SpanID())
	require.Equal(t, span.SpanContext().TraceID(), task.SpanContext.TraceID())
	require.Len(t, task.Links, 1)
	require.True(t, task.Links[0].SpanContext.Equal(job.SpanContext()))
	require.Equal(t, codes.Error, task.Status.Code)
	require.Equal(t, []string{"exception"}, eventsOf(task))
}

func TestATaskOfTheGroupsOwnSpanHasNoLinkToItsParent(t *testing.T) {
	e, provider := newExported()
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	g, ctx := errgroup.New(ctx, errgroup.Options{})
	require.NoError(t, g.GoContext(ctx, belayotel.Task(ctx, "resize", func(context.Context) error { return nil })))
	require.NoError(t, g.Wait())
	require.NoError(t, provider.ForceFlush(t.Context()))
	task := of(e.GetSpans(), "resize")[0]
	require.Equal(t, span.SpanContext().SpanID(), task.Parent.SpanID())
	require.Empty(t, task.Links)
	require.Equal(t, codes.Unset, task.Status.Code)
}

func TestWithoutTracingATaskIsTheFuncItself(t *testing.T) {
	f := func(context.Context) error { return nil }
	unsampled, _ := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("t").Start(t.Context(), "s")
	none, _ := noop.NewTracerProvider().Tracer("t").Start(t.Context(), "s")
	for _, ctx := range []context.Context{t.Context(), unsampled, none} {
		require.Equal(t, reflect.ValueOf(f).Pointer(), reflect.ValueOf(belayotel.Task(ctx, "x", f)).Pointer())
		require.Zero(t, testing.AllocsPerRun(100, func() { belayotel.Task(ctx, "x", f) }))
	}
	require.PanicsWithValue(t, "belayotel: Task of a nil func", func() { belayotel.Task(t.Context(), "x", nil) })
}

func TestAPanicAndAGoexitEndTheSpanAndGoOn(t *testing.T) {
	e, provider := newExported()
	ctx, _ := provider.Tracer("test").Start(t.Context(), "request")
	g, ctx := errgroup.New(ctx, errgroup.Options{PanicsAsErrors: true, Errors: -1, OnPanic: func(*belay.PanicError) {}})
	require.NoError(t, g.GoContext(ctx, belayotel.Task(ctx, "panics", func(context.Context) error { panic(errMade) })))
	err := g.Wait()
	var panicked *belay.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Equal(t, errMade, panicked.Value)
	require.Contains(t, string(panicked.Stack), "TestAPanicAndAGoexitEndTheSpanAndGoOn", "where it happened")

	ended := make(chan struct{})
	go func() { // ends at once
		defer close(ended)
		_ = belayotel.Task(ctx, "exits", func(context.Context) error { runtime.Goexit(); return nil })(t.Context())
	}()
	<-ended
	require.NoError(t, provider.ForceFlush(t.Context()))
	for _, name := range []string{"panics", "exits"} {
		spans := of(e.GetSpans(), name)
		require.Len(t, spans, 1)
		require.Equal(t, "panic or Goexit", spans[0].Status.Description)
		require.Empty(t, spans[0].Events, "the SDK has recovered the panic")
	}
}
