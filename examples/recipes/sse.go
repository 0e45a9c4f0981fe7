package recipes

// Server-sent events without a library: a stream that ends with a last event
// and whole, so that the browser reconnects to another server by itself.

import (
	"fmt"
	"net/http"

	"github.com/belay-go/belay/graceful"
)

// Events streams what comes from next. A request that never ends would hold up
// the stop until it is cut; the request's own Done comes only then. retry is the
// browser's wait before it reconnects, in milliseconds.
func Events(next <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w).Flush
		for flush() == nil {
			select {
			case event := <-next:
				fmt.Fprintf(w, "data: %s\n\n", event)
			case <-graceful.Draining(r.Context()):
				fmt.Fprint(w, "event: bye\nretry: 200\ndata:\n\n")
				return
			case <-r.Context().Done():
				return
			}
		}
	}
}
