// Package httptimeout bounds the time of HTTP requests, and never leaves a
// handler behind.
//
// [New] wraps a handler. Each request gets a context that ends with the limit,
// and the handler runs where it would run without: on the server's own
// goroutine. If the time is up and the handler has sent no header yet, the
// client gets a 503 at once, whole, with its length, and the handler's writes
// fail with [http.ErrHandlerTimeout] from then on. If it has sent its header, the
// response stays the handler's, which learns from its context that it should
// come to an end. In either case ServeHTTP returns when the handler does, so
// nothing that the server takes back at a handler's end, the ResponseWriter and
// the body of the request, is still in use. Compare [http.TimeoutHandler]: it
// runs the handler on a second goroutine, which it leaves running with the
// request, it keeps whole responses in memory, and it can neither flush nor
// hijack.
//
// A handler that doesn't look at its context therefore keeps its goroutine, and
// is reported: [Options.OnOverstay] and [Handler.Overstaying] say who has been
// out of time for how long. The client has its answer meanwhile:
//
//   - HTTP/1: the connection is closed after it ("Connection: close"), as the
//     next request on it would wait for the handler.
//   - HTTP/2: status, header and body are sent, and other streams go on. But
//     the server ends a stream only when its handler ends, so a client that
//     reads until the end, and not the length that it was told, waits for that.
//
// On cancel: a request that is cancelled, because its client has gone or the
// server ends, is the handler's to end; nothing is answered for it before its
// deadline. On panic: it goes to the server, as it would without, and the 503
// has been sent or will not be. On misuse (a nil handler, a Handler that New
// didn't make): a panic with a fixed text.
//
// A request costs a context, a copy of the request, a timer and a header map of
// the handler's own, which is copied when the handler sends it. There is no
// goroutine and no buffer for it.
//
// When not to use it: where all handlers heed their contexts and nobody needs an
// answer in time from those that don't; for streams; and in place of the server's
// ReadTimeout and WriteTimeout, which are about slow clients.
//
// The package doesn't retry, hides no error of the handler, and can't end a
// handler. Connections that stay open for long, WebSockets and streams of
// events, do so under their limit as well, and are better served beside it.
package httptimeout

import (
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// Options are the settings of a [Handler]. The zero value is ready to use.
type Options struct {
	// Patience is how long a handler may go on after its deadline before it is
	// reported. Zero is a second, negative means that none is reported or
	// counted.
	Patience time.Duration

	// OnOverstay is called once for each request whose handler still runs when
	// the Patience is over, with the request as it came and the time since its
	// deadline. It runs beside the handler, to which the body of the request
	// belongs, and must return: ServeHTTP waits for it. If it panics, the
	// process crashes. The default is a warning by slog.
	OnOverstay func(r *http.Request, over time.Duration)

	// Header is added to the header of the 503: Retry-After, or another type
	// than text/plain for its body.
	Header http.Header
	// Body is the body of the 503. Where it is empty, that is a line of text.
	Body string
}

// Handler bounds the requests of another handler. It is made by [New], and may
// be used for any number of requests at once.
//
// In the terms of the Go memory model, whatever this package does for a request
// is synchronized before its ServeHTTP returns.
type Handler struct {
	next   http.Handler
	limit  time.Duration
	opts   Options // as they are meant
	header http.Header
	body   []byte

	overstaying atomic.Int64
}

// New returns a handler that gives next no more than d for each request. A d
// that is zero or negative has already passed: next isn't called, and every
// request gets the 503. New panics if next is nil.
//
// The deadline is the request's own, if its context has one that comes sooner.
// The cause of the context at its deadline is a [*ctxutil.TimeoutError] with the
// pattern by which a [http.ServeMux] came to this handler as its name, or with
// "http request" where there is none. As that context comes in a copy of the
// request, the pattern that a ServeMux within next finds isn't seen outside.
func New(next http.Handler, d time.Duration, opts Options) *Handler {
	if next == nil {
		panic("httptimeout: New of a nil handler")
	}
	if opts.Patience == 0 {
		opts.Patience = time.Second
	}
	if opts.OnOverstay == nil {
		opts.OnOverstay = warn
	}
	if opts.Body == "" {
		opts.Body = "Service Unavailable: the request ran out of time\n"
	}
	header := http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"X-Content-Type-Options": {"nosniff"},
	}
	for key, values := range opts.Header {
		header[http.CanonicalHeaderKey(key)] = append([]string(nil), values...)
	}
	header["Content-Length"] = []string{strconv.Itoa(len(opts.Body))}
	return &Handler{next: next, limit: d, opts: opts, header: header, body: []byte(opts.Body)}
}

// ServeHTTP serves one request, and returns when the wrapped handler does. It
// panics if it does, and if h was not made by [New].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.next == nil {
		panic("httptimeout: Handler not made by New")
	}
	ctx, cancel := ctxutil.ShrinkNamed(r.Context(), name(r), h.limit)
	defer cancel()
	x := &exchange{h: h, w: w, r: r, ctx: ctx}
	x.deadline, _ = ctx.Deadline()
	// Asked before the handler, whose header it is, too.
	x.expects = r.ProtoMajor == 1 && strings.Contains(strings.ToLower(r.Header.Get("Expect")), "100-continue")
	if x.late() {
		h.refuse(w, r)
		return
	}
	x.begin()
	defer x.end()
	h.next.ServeHTTP(x, r.WithContext(ctx))
	x.finish()
}

// Overstaying returns how many handlers still run at this moment although they
// were reported. What it tells may be over by the time that it is read.
func (h *Handler) Overstaying() int { return int(h.overstaying.Load()) }

// name is what errors call the request. Method and path are the client's to
// choose, so as a name, by which people count, they are not to be had.
func name(r *http.Request) string {
	if r.Pattern == "" {
		return "http request"
	}
	return r.Pattern
}

func warn(r *http.Request, over time.Duration) {
	slog.Warn("httptimeout: a handler overstays its deadline",
		"method", r.Method, "path", r.URL.Path, "pattern", r.Pattern, "remote", r.RemoteAddr, "over", over)
}

// refuse sends the 503 by w, which nobody else uses meanwhile.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	// What may be set by whoever wraps this handler is about another body.
	for _, key := range []string{"Content-Encoding", "Etag", "Last-Modified", "Trailer"} {
		delete(header, key)
	}
	maps.Copy(header, h.header)
	if r.ProtoMajor == 1 {
		// For HTTP/2 this would end the whole connection. Besides, without it
		// the server would read the rest of the body first, and wait for it.
		header["Connection"] = []string{"close"}
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	if r.Method != http.MethodHead {
		_, _ = w.Write(h.body) // an error is the client's having gone
	}
	_ = http.NewResponseController(w).Flush() // or else it goes out when next ends
}
