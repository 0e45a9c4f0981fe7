package graceful

// The end of an http server that did not stop in time, and what a report says of
// it.

import (
	"fmt"
	"net/http"
	"time"
)

// abort ends everything at once, remembers what there was, and waits for the
// handlers: one that does not end is what makes the server stuck.
func (h *httpServer) abort(cause error) {
	gone := h.conns.hijacked()
	changed := h.conns.watch() // stop is no longer listening
	open, active := h.conns.counts()
	text := fmt.Sprintf("cut %d active, %d silent, %d hijacked", active, open-active, len(gone))
	now := time.Now()
	listed := gone
	for _, c := range h.conns.all() {
		if c.is() == http.StateActive {
			listed = append(listed, c)
		}
	}
	for i, c := range listed {
		if i == mostListed {
			text += fmt.Sprintf(" and %d more", len(listed)-i)
			break
		}
		text += fmt.Sprintf("; %s open for %s", c.RemoteAddr(), short(now.Sub(c.opened)))
	}
	h.remark.Store(text)
	h.release(cause) // after they were counted: handlers end by it
	_ = h.srv.Close()
	for _, c := range gone {
		_ = c.Close()
	}
	for _, active := h.conns.counts(); active > 0; _, active = h.conns.counts() {
		<-changed
	}
}

// release ends the contexts of all requests.
func (h *httpServer) release(cause error) {
	select {
	case <-h.started:
		h.cut(cause)
	default:
	}
}

func (h *httpServer) detail() string {
	text := h.remark.Load()
	if n := h.moved.Load(); n > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("handed over %d", n)
	}
	return text
}
