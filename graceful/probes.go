package graceful

// The two questions of a supervisor, as handlers.

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Readyz answers 200 while all components are up, and 503 before that and from
// the first instant of the stop, unless that follows a restart: then the service
// goes on. With ?verbose it names the components that are not up. It has the
// shape of an [http.HandlerFunc]:
//
//	mux.HandleFunc("/readyz", m.Readyz)
func (m *Manager) Readyz(w http.ResponseWriter, r *http.Request) {
	probed(r)
	m.mu.Lock()
	now := m.mu.state
	// Who asks over an old connection means the service, and that goes on.
	ok := now == stateReady || errors.Is(m.mu.cause, ErrRestarted)
	var text strings.Builder
	fmt.Fprintln(&text, now)
	if r.URL.Query().Has("verbose") {
		for _, p := range m.mu.parts {
			if !p.up {
				fmt.Fprintf(&text, "not up: %s (phase %d)\n", p.Name, p.phase)
			}
		}
	}
	m.mu.Unlock()
	answer(w, ok, text.String())
}

// Livez answers 200 until Run returns, also while stopping: a supervisor that
// kills what is not live must not cut a stop short. It has the shape of an
// [http.HandlerFunc].
func (m *Manager) Livez(w http.ResponseWriter, r *http.Request) {
	probed(r)
	now := m.now()
	answer(w, now != stateDone, now.String()+"\n")
}

// probed takes a probe out of the requests that keep a delay from ending early.
func probed(r *http.Request) {
	if r == nil {
		return
	}
	if c := connOf(r); c != nil && c.server.leaving.Load() != nil {
		c.server.requests.Add(-1)
	}
}

func answer(w http.ResponseWriter, ok bool, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(text)) // a prober that has gone needs no answer
}
