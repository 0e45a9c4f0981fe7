package recipes

// go.opentelemetry.io/otel: traces are flushed last, with time kept for it.

import (
	"time"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/belay-go/belay/graceful"
)

// Traces flushes and closes a tracer provider. It belongs to the lowest phase:
// spans of the stop itself end before it. Its exporter may be what does not
// answer any more, so it has a limit, and the phases above it can't use up its
// part of the budget. contrib/otel has the same component with spans of the
// start, the restarts and the stop.
func Traces(provider *trace.TracerProvider) graceful.Component {
	return graceful.Component{Name: "traces", Limit: 2 * time.Second, Stop: provider.Shutdown}
}
