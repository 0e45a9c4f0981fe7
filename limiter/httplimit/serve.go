package httplimit

// This file serves a request: takes a permit, and holds it for as long as the
// handler works.

import (
	"context"
	"net/http"
	"slices"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/limiter"
)

// handler is the middleware around one handler.
type handler struct {
	*middleware
	next http.Handler
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.isProbe(r) {
		h.next.ServeHTTP(w, r)
		return
	}
	var key string
	if h.key != nil {
		key = h.key(r)
		h.suspect(r, key)
	}
	limit := h.limitOf(key)
	if limit == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	cost := int64(1)
	if h.opts.Cost != nil {
		cost = h.opts.Cost(r)
	}
	permit, err := h.take(r.Context(), limit, cost)
	if err != nil {
		h.refused(w, r, limit, cost, key, err)
		return
	}
	h.serve(w, r, limit, permit)
}

func (m *middleware) isProbe(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && slices.Contains(m.opts.Probes, r.URL.Path)
}

// take takes n units, for a request whose client is still there.
func (m *middleware) take(ctx context.Context, limit limiter.Limiter, n int64) (limiter.Permit, error) {
	if m.opts.Wait <= 0 {
		if err := ctxerr.Of(ctx); err != nil {
			return limiter.Permit{}, err
		}
		return limit.TryTake(n)
	}
	ctx, cancel := ctxutil.ShrinkNamed(ctx, "httplimit: wait", m.opts.Wait)
	defer cancel()
	return limit.Take(ctx, n)
}

// serve calls the handler, and releases the permit when that has ended; or
// leaves this to a connection that was hijacked.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, limit limiter.Limiter, permit limiter.Permit) {
	var hold *writer
	returned := false
	defer func() {
		if !returned || hold == nil || !hold.hijacked.Load() {
			release(r.Context(), permit)
		}
	}()
	w, hold = watch(w, r, permit) // asks w, which may be anyone's code
	h.writeFields(w.Header(), limit, unknown)
	if h.opts.Settle {
		r = r.WithContext(context.WithValue(r.Context(), permitKey(h.opts.Name), permit))
	}
	h.next.ServeHTTP(w, r)
	returned = true
}

// release ends the permit of a request, and tells a limit that finds itself what
// became of it: of one whose client went away, nothing can be learned; one that
// ran into its deadline was lost. Other limits don't distinguish.
func release(ctx context.Context, permit limiter.Permit) {
	defer permit.Release() // whatever the context does
	switch ctx.Err() {
	case context.Canceled:
		permit.Ignore()
	case context.DeadlineExceeded:
		permit.Drop()
	}
}

// permitKey is the key, in a context, of the permit for the policy of that name.
type permitKey string

// PermitOf returns the permit that a request holds of the middleware with this
// name, out of the request's context. It holds nothing, and can be used all the
// same, where there is no such middleware or [Options.Settle] is not set.
//
// It is for [limiter.Permit.Settle], while the handler runs: a cost that is known
// only afterwards; and for [limiter.Permit.Drop], by a handler that was turned away
// further down. Who releases the permit makes room for others; the middleware
// does so anyway.
func PermitOf(ctx context.Context, name string) limiter.Permit {
	if name == "" {
		name = defaultName
	}
	permit, _ := ctx.Value(permitKey(name)).(limiter.Permit)
	return permit
}
