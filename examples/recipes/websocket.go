package recipes

// github.com/coder/websocket: clients are told that the server goes away (1001)
// instead of finding a dead connection (1006), and come back at once.

import (
	"net/http"

	"github.com/coder/websocket"

	"github.com/belay-go/belay/graceful"
)

// Echo answers every message with itself until the client or the server goes.
// An upgraded connection is no longer net/http's: its Shutdown neither waits for
// it nor closes it. graceful waits until the handler has closed it, and cuts
// it, and names it in the report, at the component's limit.
//
// Don't end Read by its context to say goodbye: coder/websocket closes the
// connection then, without a close code. Close may be called while Read waits.
// (gorilla/websocket: WriteControl(CloseMessage, FormatCloseMessage(
// CloseGoingAway, ""), deadline) in the same place, then go on reading.)
func Echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	over := make(chan struct{})
	defer close(over)
	go func() { // ends with the handler, or with the drain
		select {
		case <-graceful.Draining(r.Context()):
			_ = c.Close(websocket.StatusGoingAway, "the server restarts")
		case <-over:
		}
	}()
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, data); err != nil {
			return
		}
	}
}
