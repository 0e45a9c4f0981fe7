// Package httplimit puts limits in front of HTTP handlers: any
// [limiter.Limiter], for each client or for all of them together, as middleware
// of the type func(http.Handler) http.Handler.
//
//	clients := httplimit.PerKey(httplimit.ByAddr, limitOf, httplimit.Options{Name: "client"})
//	service := httplimit.Shared(semaphore.NewWeighted(100), httplimit.Options{Name: "service"})
//	http.ListenAndServe(":8080", clients(service(handler)))
//
// Stacked as here, the limit of a client comes first, so that who is over it
// takes no place of the others; a token that was taken is not given back if the
// service is full. [limiter.All] takes from several limits or from none.
//
// # Refusals
//
// A request that gets nothing of the limit doesn't reach the handler. It is
// answered with
//
//   - 429, if it is one too many: [limiter.ErrLimited], [limiter.ErrTooLate];
//   - 503, if the service is full: [limiter.ErrFull], and everything of a limit
//     on what is in flight; also if the request's context or the longest wait
//     has ended;
//   - 413, if it costs more than one unit, and more than the whole limit has, as
//     clients repeat a 429 and this one will never be served.
//
// Retry-After is what the limit says, in whole seconds rounded up, and up to a
// fifth more, so that clients don't come back together; where only others'
// releases can tell it is [Options.RetryAfter], and it is left out where no
// waiting helps.
//
// Who gets in is told how much is left in the fields RateLimit-Policy and
// RateLimit, as is who does not. They are those of
// draft-ietf-httpapi-ratelimit-headers-11 (May 2026, work in progress):
//
//	RateLimit-Policy: "client";q=100;w=60
//	RateLimit: "client";r=7;t=5
//
// They are sent for a limiter that has the method
//
//	Quota() (limit, remaining int64, window, reset time.Duration)
//
// with its size, what is left of it, the time in which all of it is gained (zero
// for a limit on what is in flight), and the time until that much is there
// again. As the draft wants it, t is no promise of a reset: it is how long r has
// to last if the client is to go on for ever at the pace of the policy, or the
// time until there is one if r is zero, and never more than Retry-After. For a
// window below a second, which the draft can't express, w and t are left out.
// Stacked limits put their items in one list; they need different names.
//
// # How long a permit is held
//
// It is held until the handler returns or panics, and so for all of a stream. If
// the handler hijacks the connection, it is held until that is closed; or until
// the handler panics, as then nobody may be left to close it. What the handler has
// written last may still be in the server's buffer of a few kilobytes by then.
//
// The handler's ResponseWriter is the server's own, but for HTTP/1, where
// hijacking has to be noticed: there it is one that can do the same (Flush,
// Hijack, ReadFrom, and whatever [http.ResponseController] finds by Unwrap). A
// hijacked connection is wrapped as well, and has a method NetConn that returns
// the one below.
//
// # What else to know
//
// On cancel: a request whose context ends while it waits has taken nothing, and
// gets the 503, although mostly nobody is there to read it: for who logs between
// us and the client an empty 200 would look like success. On panic of a handler:
// the permit is released and the panic goes on to the server. On misuse (a nil
// limiter, function or handler, a name that isn't ASCII): a panic with a fixed
// text when the middleware is made. A panic of a function that was passed in
// leaves nothing taken.
//
// Middleware may be used for any number of handlers and of requests at once. In
// the terms of the Go memory model, what a handler does is synchronized before
// the release of its permit.
//
// When not to use it: where a proxy in front does it already, and knows the clients
// better; and against a flood that fills the network or the accept queue, which has
// cost its price by the time that a handler runs.
//
// The package keeps no keys: where the limiters of keys come from, and how much
// memory they need, is up to the caller. It doesn't authenticate anybody, and
// it can't know an address that a proxy didn't tell.
package httplimit

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/limiter"
)

// Options are the settings of middleware. The zero value is ready to use. The
// functions in it may be called concurrently.
type Options struct {
	// Name is that of the policy in the RateLimit fields, and the one by which
	// [PermitOf] finds the permit: printable ASCII, "default" if empty.
	Name string
	// Unit is what is counted, as the RateLimit-Policy field has it: printable
	// ASCII, "content-bytes" for example. If empty, requests are counted, or
	// requests at the same time, whichever the limiter limits.
	Unit string
	// Hide sends no RateLimit fields. Those of a limit for all tell everybody how
	// much of the service is in use.
	Hide bool

	// Wait is how long a request may wait for its turn. It is refused at once if
	// that is known to be later. Zero, or less: no request waits.
	Wait time.Duration
	// Cost says how many units a request takes; must not be negative. If nil, each
	// takes one.
	Cost func(r *http.Request) int64
	// Settle gives the handler access to its permit, by [PermitOf], for costs that
	// are known only afterwards. The handler gets a copy of the request then, so
	// the pattern that a ServeMux within finds isn't seen outside.
	Settle bool

	// Probes are the paths on which a GET or HEAD passes by the limiter, as how
	// a service is doing is asked for when it is saturated. A path must be the
	// same as the request's URL.Path, byte by byte: prefixes, and paths that a
	// ServeMux would clean first, are limited. If nil, they are /livez, /readyz
	// and /healthz; if empty, there are none.
	Probes []string

	// RetryAfter is sent with a refusal where nobody can know when to come back,
	// as others have to release first. Zero is a second, negative means that
	// nothing is sent.
	RetryAfter time.Duration
	// Refuse writes the answer to a refused request. Status and header are there
	// already: it writes the body and sets its Content-Type; or calls WriteHeader
	// for another status than [Refusal.Status]. Retry-After and the RateLimit
	// fields are sent whatever it does to the header. If nil, the answer is a line
	// of plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, why Refusal)
	// OnRefused is called for each request that is refused, before it is answered:
	// to count it, or to log it.
	OnRefused func(r *http.Request, why Refusal)

	// Logger gets the one warning there is, see [PerKey]. If nil, it goes to
	// slog's default.
	Logger *slog.Logger
}

// Refusal is why a request didn't reach the handler. It is a plain value.
type Refusal struct {
	// Key is the request's; empty for [Shared]. It may be a secret of the client's.
	Key string
	// Err is that of the limiter: a [*limiter.RefusedError], an error that Is that
	// of the request's context, or a [*ctxutil.TimeoutError] of [Options.Wait].
	Err error
	// Status is 429, 503 or 413.
	Status int
	// RetryAfter is what is sent, in whole seconds; zero if nothing is.
	RetryAfter time.Duration
}

// PerKey returns middleware that limits each client by itself. There is no
// default for what a client is: key says whose request it is, see [ByAddr],
// [ByForwarded], [ByXForwardedFor] and [ByHeader], and limitOf returns the
// limiter of that key, or nil if it has no limit. Both are called once for each
// request and must allow concurrent calls.
//
// Mind the memory of limitOf: a map grows by an entry for each key that somebody
// thinks of.
//
// Once in the life of the middleware, it warns that more than nine out of ten of
// several hundred requests had the same key and were forwarded (they have
// X-Forwarded-For or Forwarded): they may be everybody's, through a proxy that
// is not trusted.
//
// PerKey panics with "httplimit: PerKey with a nil function" if key or limitOf is
// nil.
func PerKey(key func(r *http.Request) string, limitOf func(key string) limiter.Limiter, opts Options) func(http.Handler) http.Handler {
	if key == nil || limitOf == nil {
		panic("httplimit: PerKey with a nil function")
	}
	return newMiddleware(key, limitOf, opts).around
}

// Shared returns middleware with one limit for all requests, whoever sends them:
// a single client can use all of it.
//
// It panics with "httplimit: Shared with a nil limiter" if l is nil.
func Shared(l limiter.Limiter, opts Options) func(http.Handler) http.Handler {
	if l == nil {
		panic("httplimit: Shared with a nil limiter")
	}
	return newMiddleware(nil, func(string) limiter.Limiter { return l }, opts).around
}

// middleware is what the handlers around which it was put have in common.
type middleware struct {
	key     func(*http.Request) string // nil: none
	limitOf func(string) limiter.Limiter
	opts    Options // as they are meant

	name, unit string                 // serialized
	policy     atomic.Pointer[policy] // the last one written
	proxy      suspicion
}

const defaultName = "default"

func newMiddleware(key func(*http.Request) string, limitOf func(string) limiter.Limiter, opts Options) *middleware {
	if opts.Name == "" {
		opts.Name = defaultName
	}
	if opts.Probes == nil {
		opts.Probes = []string{"/livez", "/readyz", "/healthz"}
	}
	if opts.RetryAfter == 0 {
		opts.RetryAfter = time.Second
	}
	if opts.Refuse == nil {
		opts.Refuse = refuse
	}
	m := &middleware{key: key, limitOf: limitOf, opts: opts, name: quote(opts.Name)}
	if opts.Unit != "" {
		m.unit = quote(opts.Unit)
	}
	return m
}

func (m *middleware) around(next http.Handler) http.Handler {
	if next == nil {
		panic("httplimit: middleware around a nil handler")
	}
	return &handler{middleware: m, next: next}
}
