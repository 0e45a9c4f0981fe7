package graceful

// The stop of an http server: the order in which connections are told, waited
// for and closed.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"
)

// linger is how long an h2 connection may stay after it was told to go and had
// nothing left to do: its last frames may still be on their way, and its
// client is to close it first.
const linger = 50 * time.Millisecond

// HTTP returns a component for an *http.Server, over TLS where its TLSConfig
// can give a certificate. The package's documentation says how it stops.
//
// The server's own hooks (ConnState, ConnContext, BaseContext) keep working;
// its Handler, ConnState and BaseContext must not be changed after
// [Manager.Run] was called. The contexts of requests carry what Run's context
// carries (unless BaseContext is set) and are cancelled, with their cause, only
// when the server is cut. Requests can learn of the stop from [Draining].
//
// Hijacked connections are waited for until the component's limit, then closed
// and named in the report. OPTIONS * is answered by net/http itself, without a
// word on the stop.
func HTTP(name, addr string, srv *http.Server) Component {
	if srv == nil {
		panic("graceful: HTTP with a nil server")
	}
	h := &httpServer{srv: srv}
	return Component{
		Name:   name,
		Addr:   addr,
		Serve:  h.serve,
		Stop:   h.stop,
		drain:  h.drain,
		abort:  h.cut,
		detail: h.detail,
	}
}

type httpServer struct {
	srv      *http.Server
	conns    conns
	draining atomic.Bool // read by every request
	drained  time.Time   // when draining began; written before Stop is called

	cancel atomic.Pointer[context.CancelCauseFunc] // of all requests
	remark uatomic.String                          // for the report: written by the stop and by a cut beside it
}

// serve hooks itself into the server and serves ln.
func (h *httpServer) serve(ctx context.Context, ln net.Listener) error {
	srv := h.srv
	handler := srv.Handler
	if handler == nil {
		handler = http.DefaultServeMux
	}
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http turns the header into a GOAWAY for h2. An upgrade keeps
		// its own Connection header, which a proxy would merge with ours.
		if h.draining.Load() && r.Header.Get("Upgrade") == "" {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})

	user := srv.ConnState
	srv.ConnState = func(c net.Conn, s http.ConnState) {
		// What begins is counted before the user hears of it, what ends
		// afterwards: when a stop returns, the user has heard it all.
		begins := s == http.StateNew || s == http.StateActive
		if begins {
			h.conns.change(c, s)
		}
		if user != nil {
			user(c, s)
		}
		if !begins {
			h.conns.change(c, s)
		}
	}

	h.markH2()

	// The component's context ends with the beginning of its stop; requests
	// go on.
	base := context.WithoutCancel(ctx)
	if srv.BaseContext != nil {
		inner := ln
		if a, ok := ln.(*acceptor); ok {
			inner = a.Listener
		}
		base = context.WithValue(srv.BaseContext(inner), drainKey{}, ctx.Value(drainKey{}))
	}
	base, cancel := context.WithCancelCause(base)
	h.cancel.Store(&cancel)
	srv.BaseContext = func(net.Listener) context.Context { return base }

	if t := srv.TLSConfig; t != nil && (len(t.Certificates) > 0 || t.GetCertificate != nil || t.GetConfigForClient != nil) {
		return srv.ServeTLS(ln, "", "")
	}
	return srv.Serve(ln)
}

type h2Key struct{}

// h2Mark is in the context of the requests of one connection.
type h2Mark struct {
	c    net.Conn
	once sync.Once
}

// markH2 makes the requests of unencrypted h2 tell which connections speak it:
// nothing else does.
func (h *httpServer) markH2() {
	srv := h.srv
	if srv.Protocols == nil || !srv.Protocols.UnencryptedHTTP2() {
		return
	}
	user, handler := srv.ConnContext, srv.Handler
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if user != nil {
			ctx = user(ctx, c)
		}
		if ctx == nil {
			return nil // net/http has the right words for it
		}
		return context.WithValue(ctx, h2Key{}, &h2Mark{c: c})
	}
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			mark := r.Context().Value(h2Key{}).(*h2Mark)
			mark.once.Do(func() { h.conns.isH2(mark.c) })
		}
		handler.ServeHTTP(w, r)
	})
}

// drain makes every response from now on send its client away.
func (h *httpServer) drain() {
	h.drained = time.Now()
	h.draining.Store(true)
}

// stop waits until nothing is left that could be lost, then shuts down.
func (h *httpServer) stop(ctx context.Context) error {
	changed := h.conns.watch()
	if err := h.quiesce(ctx, changed); err != nil {
		return err
	}
	// Shutdown drops what it finds unread, so it comes when there is nothing
	// to read. All it has left to do is to send GOAWAY; with a context that
	// is done it does not begin to poll.
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.srv.Shutdown(done); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if err := h.lingering(ctx, changed); err != nil {
		return err
	}
	_ = h.srv.Close()
	if err := h.hijacked(ctx); err != nil {
		return err
	}
	h.release(context.Canceled)
	return nil
}

// quiesce waits until no connection has a request or is about to have one, and
// sends those away that it may. What is left when it returns speaks h2, and has
// to be told to go: closing it would cut frames that are not flushed yet.
func (h *httpServer) quiesce(ctx context.Context, changed <-chan struct{}) error {
	from, gone := h.drained, map[net.Conn]struct{}{}
	for {
		now := time.Now()
		conns, wait, silent := h.conns.silent(now, from)
		if silent {
			if h.sendAway(conns, gone) {
				return nil
			}
			wait = time.Millisecond // at most: their states are about to change
		}
		wait = min(wait, step)
		if err := waitChange(ctx, changed, wait); err != nil {
			return err
		}
		if end := time.Now(); wait > 0 && late(now.Add(wait), end) && end.Sub(h.drained) < settleMost {
			from = end
		}
	}
}

// sendAway sends connections away one by one, each right after a look into its
// buffer, and adds them to gone. Leaving that to Shutdown would be a trap: it
// makes the server drop every request that has come since the look, on all of
// them. done means that there was nothing but silent h2.
func (h *httpServer) sendAway(conns []net.Conn, gone map[net.Conn]struct{}) (done bool) {
	done = true
	for _, c := range conns {
		sent, h2 := h.conns.sendAway(c)
		if sent {
			gone[c] = struct{}{}
		}
		done = done && h2
	}
	if len(gone) > 0 {
		h.remark.Store(fmt.Sprintf("closed %d silent", len(gone)))
	}
	return done
}

// lingering waits for the clients to close, and for a stream that came before
// its client had read the GOAWAY.
func (h *httpServer) lingering(ctx context.Context, changed <-chan struct{}) error {
	end := time.Now().Add(linger)
	for {
		open, active := h.conns.counts()
		now := time.Now()
		switch {
		case open == 0:
			return nil
		case active > 0:
			if err := waitChange(ctx, changed, 0); err != nil {
				return err
			}
			end = time.Now().Add(linger)
		case !now.Before(end):
			return nil
		default:
			if err := waitChange(ctx, changed, end.Sub(now)); err != nil {
				return err
			}
		}
	}
}

// hijacked waits for connections that net/http gave away. Nobody tells when
// they close, so these alone are looked at every few milliseconds.
func (h *httpServer) hijacked(ctx context.Context) error {
	for len(h.conns.hijacked()) > 0 {
		if err := waitChange(ctx, nil, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// cut ends everything at once, remembers what there was, and waits for the
// handlers: one that does not end is what makes the server stuck.
func (h *httpServer) cut(cause error) {
	h.release(cause)
	gone := h.conns.hijacked()
	open, active := h.conns.counts()
	text := fmt.Sprintf("cut %d active, %d silent, %d hijacked", active, open-active, len(gone))
	for i, c := range gone {
		if i == 3 {
			text += " ..."
			break
		}
		text += " " + c.RemoteAddr().String()
	}
	h.remark.Store(text)
	_ = h.srv.Close()
	for _, c := range gone {
		_ = c.Close()
	}
	changed := h.conns.watch() // stop is no longer listening
	for _, active := h.conns.counts(); active > 0; _, active = h.conns.counts() {
		<-changed
	}
}

func (h *httpServer) release(cause error) {
	if cancel := h.cancel.Load(); cancel != nil {
		(*cancel)(cause)
	}
}

func (h *httpServer) detail() string { return h.remark.Load() }
