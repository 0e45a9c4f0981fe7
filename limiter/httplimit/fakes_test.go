package httplimit_test

// This file holds limiters that do what a test says, and short ways to ask a
// handler.

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// places is a limit on what is in flight. Who waits tries again whenever
// something is released.
type places struct {
	mu                       sync.Mutex
	size, held               int64
	granted, released, asked int
	took                     []int64
	freed                    chan struct{} // closed by the next release; nil if nobody waits
}

func (p *places) TryTake(n int64) (limiter.Permit, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	p.took = append(p.took, n)
	if n > p.size {
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: 1<<63 - 1}
	}
	if p.held+n > p.size {
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrFull}
	}
	p.held += n
	p.granted++
	return limiter.NewPermit(p, n), nil
}

func (p *places) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	for {
		if ctx.Err() != nil {
			return limiter.Permit{}, ctxerr.Of(ctx)
		}
		p.mu.Lock()
		if p.freed == nil {
			p.freed = make(chan struct{})
		}
		freed := p.freed
		p.mu.Unlock()
		permit, err := p.TryTake(n)
		if err == nil || !errors.Is(err, limiter.ErrFull) {
			return permit, err
		}
		select {
		case <-ctx.Done():
		case <-freed:
		}
	}
}

func (p *places) Release(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held -= n
	p.released++
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}

func (p *places) counts() (held int64, granted, released int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held, p.granted, p.released
}

// empties waits until everything that was granted has been given back, once.
func (p *places) empties(t *testing.T, granted int) {
	t.Helper()
	require.Eventually(t, func() bool {
		held, g, released := p.counts()
		return held == 0 && g == granted && released == granted
	}, time.Minute, time.Millisecond)
}

// sized is a limit on what is in flight that tells its quota.
type sized struct{ places }

func (s *sized) Quota() (limit, remaining int64, window, reset time.Duration) {
	held, _, _ := s.counts()
	return s.size, s.size - held, 0, 0
}

// refusing is a limit that refuses everything, and says so in one way.
type refusing struct{ err error }

func (r refusing) TryTake(int64) (limiter.Permit, error) { return limiter.Permit{}, r.err }
func (r refusing) Take(context.Context, int64) (limiter.Permit, error) {
	return limiter.Permit{}, r.err
}

func refusal(reason error, after time.Duration) refusing {
	return refusing{&limiter.RefusedError{Reason: reason, RetryAfter: after}}
}

// quota is a limiter that says something about its quota.
type quota struct {
	limiter.Limiter
	limit, remaining int64
	window, reset    time.Duration
}

func (q quota) Quota() (int64, int64, time.Duration, time.Duration) {
	return q.limit, q.remaining, q.window, q.reset
}

// ledger grants everything, and writes down what it comes to.
type ledger struct {
	mu      sync.Mutex
	taken   int64
	release int
}

func (l *ledger) TryTake(n int64) (limiter.Permit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken += n
	return limiter.NewPermit(l, n), nil
}

func (l *ledger) Take(_ context.Context, n int64) (limiter.Permit, error) { return l.TryTake(n) }

func (l *ledger) Release(int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release++
}

func (l *ledger) Settle(was, is int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken += is - was
}

// ok is a handler that answers with a word.
var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })

// ask sends a GET through h.
func ask(h http.Handler, path string) *httptest.ResponseRecorder {
	return send(h, http.MethodGet, path)
}

func send(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// server serves h until the test ends, by HTTP/1 or HTTP/2.
func server(t *testing.T, proto int, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if proto == 2 {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// both runs a test with either protocol.
func both(t *testing.T, test func(t *testing.T, proto int)) {
	for name, proto := range map[string]int{"HTTP/1": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) { test(t, proto) })
	}
}

// warnings counts what is logged.
type warnings struct {
	slog.Handler
	mu   sync.Mutex
	text []string
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	w.text = append(w.text, text)
	return nil
}

// limitOf returns a small map of limiters, which is what tests can do with.
func limitOf(limits map[string]limiter.Limiter) func(string) limiter.Limiter {
	return func(key string) limiter.Limiter { return limits[key] }
}

var none = httplimit.Options{}
