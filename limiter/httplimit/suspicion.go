package httplimit

// This file notices that nearly all requests seem to come from one client, since
// a proxy in front of us is not trusted.

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
)

// sample is how many requests are looked at together.
const sample = 300

// suspicion counts, in one sample after the other, the forwarded requests with
// the key of the first of them. If one key has nearly all of them, it is nearly
// always the first one's.
type suspicion struct {
	voiced atomic.Bool
	mu     struct {
		sync.Mutex
		key         string
		same, total int
	}
}

// suspect counts a request, and warns if it is time to.
func (m *middleware) suspect(r *http.Request, key string) {
	if m.proxy.voiced.Load() {
		return
	}
	forwarded := r.Header["X-Forwarded-For"] != nil || r.Header["Forwarded"] != nil
	if !m.proxy.count(key, forwarded) || m.proxy.voiced.Swap(true) {
		return
	}
	log := m.opts.Logger
	if log == nil {
		log = slog.Default()
	}
	// Not the key, which may be a secret.
	log.WarnContext(r.Context(), "httplimit: over 90 % of requests have one key and were forwarded; is there a proxy whose address is not trusted?",
		"limit", m.opts.Name, "peer", r.RemoteAddr)
}

// count counts a request, and reports whether more than nine of ten are the same.
func (s *suspicion) count(key string, forwarded bool) bool {
	if !s.mu.TryLock() { // one more or less makes no difference; waiting would
		return false
	}
	defer s.mu.Unlock()
	if forwarded {
		if s.mu.same == 0 {
			s.mu.key = key
		}
		if s.mu.key == key {
			s.mu.same++
		}
	}
	s.mu.total++
	if s.mu.total < sample {
		return false
	}
	most := 10*s.mu.same > 9*sample
	s.mu.key, s.mu.same, s.mu.total = "", 0, 0
	return most
}
