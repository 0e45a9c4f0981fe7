package main

// The http side: the server, its routes, and what every route goes through.

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
)

// newHTTPServer serves a handler with bounds on all that a client could
// otherwise take its time with.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       requestTime,
		WriteTimeout:      2 * requestTime, // from the end of the header on
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// routes returns the handler of -http. Probes bypass every limit: a service
// that is saturated is alive, and must not be restarted for it.
func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /sum", s.limited(s.httpSum))
	mux.Handle("GET /tree", s.limited(s.httpTree))
	mux.Handle("GET /search", s.limited(s.httpSearch))
	mux.Handle("POST /echo", s.limited(s.httpEcho))
	mux.Handle("GET /slow", s.limitedBy(s.limits.streams, s.httpSlow)) // which only waits
	mux.HandleFunc("GET /livez", s.livez)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /version", s.httpVersion)
	return mux
}

func probe(w http.ResponseWriter, ok bool) {
	if !ok {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}

// answer remembers whether the client has been told anything yet.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// limited serves a route within the limits, and within the time that any request
// has, and turns its error into an answer.
func (s *service) limited(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return s.limitedBy(s.limits.whole, handle)
}

func (s *service) limitedBy(bound limiter.Limiter, handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	work := s.limits.around(bound, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := ctxutil.ShrinkNamed(r.Context(), "request", requestTime)
		defer cancel()
		a := &answer{ResponseWriter: w}
		if err := handle(a, r.WithContext(ctx)); err != nil {
			callOf(r).err = err
			s.fail(a, r, err)
		}
	}), func(r *http.Request, err error) { callOf(r).err = err })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := s.served.begin(r.Pattern)
		defer func() { call.end(call.err) }() // also if the handler panics
		work.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, call)))
	})
}

// callKey is the key of a request's *call in its context.
type callKey struct{}

func callOf(r *http.Request) *call { return r.Context().Value(callKey{}).(*call) }

// fail answers with an error.
func (s *service) fail(a *answer, r *http.Request, err error) {
	if a.begun {
		// The client takes it for a good answer: cut the connection, so that it
		// doesn't take the part for the whole.
		panic(http.ErrAbortHandler)
	}
	status, _ := answerTo(err)
	text := err.Error()
	if status == http.StatusInternalServerError {
		s.log.Error("request failed", "route", r.Pattern, "err", err)
		text = "internal error"
	}
	http.Error(a, text, status)
}
