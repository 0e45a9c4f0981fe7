package graceful

// The stop of an http server: the order in which connections are told, waited
// for and closed.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	uatomic "go.uber.org/atomic"
)

// linger is how long an h2 connection may stay after it was told to go and had
// nothing left to do: its last frames may still be on their way, and its
// client is to close it first.
const linger = 50 * time.Millisecond

// headStart is how long the end of an answer waits for the GOAWAY before it.
const headStart = 5 * time.Millisecond

// mostListed is how many connections that were cut a report names.
const mostListed = 8

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
// and named in the report, where the socket below them can be asked or their
// handler asked for [Draining]. A server belongs to one component. OPTIONS * is answered by net/http itself, without a
// word on the stop.
func HTTP(name, addr string, srv *http.Server) Component {
	if srv == nil {
		panic("graceful: HTTP with a nil server")
	}
	h := &httpServer{srv: srv, started: make(chan struct{})}
	return Component{
		Name:     name,
		Addr:     addr,
		Serve:    h.serve,
		Stop:     h.stop,
		soften:   h.soften,
		harden:   h.harden,
		activity: h.activity,
		drain:    h.drain,
		abort:    h.abort,
		detail:   h.detail,
		connList: h.connList,
		server:   h,
	}
}

type httpServer struct {
	srv     *http.Server
	handler http.Handler // the server's own
	twin    *http.Server // see splitH2; may be nil
	conns   conns

	tickets tickets // used over TLS

	// leaving is nil while serving; that is all a request asks.
	leaving  atomic.Pointer[leaving]
	requests atomic.Int64 // that began while leaving, probes not counted

	rides bool                // connections may go along to another process; written by serve before started
	way   atomic.Pointer[way] // where to; nil: nowhere
	moved atomic.Int64        // how many have

	requestCtx context.Context         // of all requests; its owner is serve
	cut        context.CancelCauseFunc // ends it
	lasting    time.Duration           // of a silence that means something; written by drain, read by stop
	started    chan struct{}           // closed when both are there

	remark uatomic.String // for the report: written by the stop and by a cut beside it
}

// leaving says how clients are sent away: all of them, or, in a delay, each at
// its turn.
type leaving struct {
	since time.Time
	delay time.Duration // zero: now
}

// part is how much of the delay is over, from 0 to 1; nil has not begun.
func (l *leaving) part(now time.Time) float64 {
	switch {
	case l == nil:
		return 0
	case l.delay <= 0:
		return 1
	}
	return min(1, max(0, float64(now.Sub(l.since))/float64(l.delay)))
}

// serve hooks itself into the server and serves ln.
func (h *httpServer) serve(ctx context.Context, ln net.Listener) error {
	srv := h.srv
	t := srv.TLSConfig
	overTLS := t != nil && (len(t.Certificates) > 0 || t.GetCertificate != nil || t.GetConfigForClient != nil)
	twin, err := splitH2(srv, overTLS)
	if err != nil {
		return err
	}
	h.twin = twin
	h.handler = srv.Handler
	if h.handler == nil {
		h.handler = http.DefaultServeMux
	}
	srv.Handler = http.HandlerFunc(h.request)
	// What the user has made of a connection, in contexts or by following it, can't
	// go along.
	h.rides = !overTLS && srv.ConnState == nil && srv.ConnContext == nil
	h.hookConns()

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
	h.requestCtx, h.cut = context.WithCancelCause(base)
	close(h.started)
	srv.BaseContext = func(net.Listener) context.Context { return h.requestCtx }

	if overTLS {
		if config := h.tickets.serve(srv, time.Now()); config != nil {
			return srv.Serve(tls.NewListener(ticketListener{ln, &h.tickets}, config))
		}
		return srv.ServeTLS(ln, "", "")
	}
	return srv.Serve(ln)
}

// hookConns follows the connections, before or after the server's own hooks.
func (h *httpServer) hookConns() {
	srv := h.srv
	state, connContext := srv.ConnState, srv.ConnContext
	srv.ConnState = func(c net.Conn, s http.ConnState) {
		// What begins is noted before the user hears of it, what ends
		// afterwards: when a stop returns, the user has heard it all.
		begins := s == http.StateNew || s == http.StateActive
		if begins {
			h.change(c, s)
		}
		if state != nil {
			state(c, s)
		}
		if !begins {
			h.change(c, s)
		}
	}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, c)
		}
		if ctx == nil {
			return nil // net/http has the right words for it
		}
		return context.WithValue(ctx, drainKey{}, h.add(c))
	}
}

// request is the server's handler. The response is net/http's own: nothing is
// wrapped around it.
func (h *httpServer) request(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.ProtoMajor == 2:
		if c := connOf(r); c != nil && !c.h2.Load() {
			c.h2.Store(true)
		}
	case h.rides:
		if c := connOf(r); c != nil && c.rider != nil {
			c.rider.http1 = true
		}
	}
	if l := h.leaving.Load(); l != nil {
		h.lastRequest(l, w, r)
		return
	}
	h.handler.ServeHTTP(w, r)
	if h.leaving.Load() != nil {
		h.conns.poke() // a hijacked connection may have ended with it
	}
}

// lastRequest answers a request that came while clients are sent away. net/http
// turns the header into a GOAWAY for h2.
func (h *httpServer) lastRequest(l *leaving, w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1) // a probe takes it back
	if r.ProtoMajor == 2 {
		h.conns.spoke.Store(true)
	}
	away := !upgrades(r) && h.isTurn(l, r) && !h.goesAlong(connOf(r))
	if away {
		w.Header().Set("Connection", "close")
	}
	h.handler.ServeHTTP(w, r)
	if away && r.ProtoMajor == 2 {
		goAwayFirst(w, r)
	}
	h.conns.poke()
}

// goAwayFirst has the GOAWAY that goes with a header written before the end of
// the answer. Its client would otherwise send another request on the connection
// now and then, which crosses it and is lost; net/http asks for both to be
// written at the same time. Only the first answer on a connection that is told
// to go has to wait.
func goAwayFirst(w http.ResponseWriter, r *http.Request) {
	if c := connOf(r); c == nil || c.warned.Swap(true) {
		return
	}
	_ = http.NewResponseController(w).Flush() // whoever has gone needs no warning
	t := time.NewTimer(headStart)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

func (h *httpServer) isTurn(l *leaving, r *http.Request) bool {
	if l.delay <= 0 {
		return true
	}
	c := connOf(r)
	return c != nil && l.part(time.Now()) >= c.turn
}

// upgrades reports whether r has a Connection header of its own, which a proxy
// would merge with ours.
func upgrades(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// connOf returns the connection of a request to one of our servers, or nil.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(drainKey{}).(*conn)
	return c
}

// soften begins to send clients away, each at its turn within the delay.
func (h *httpServer) soften(delay time.Duration) {
	h.leaving.Store(&leaving{since: time.Now(), delay: delay})
}

// harden takes soften back.
func (h *httpServer) harden() { h.leaving.Store(nil) }

// activity counts requests; fresh is true while a connection younger than quiet
// has not sent one.
func (h *httpServer) activity(now time.Time, quiet time.Duration) (count int64, fresh bool) {
	for _, value := range h.conns.open.Range {
		c := value.(*conn)
		fresh = fresh || c.is() == http.StateNew && now.Sub(c.opened) < quiet
	}
	return h.requests.Load(), fresh
}

// drain makes every response from now on send its client away, and tells the
// streams to end.
func (h *httpServer) drain(limit time.Duration, cause error) {
	h.lasting = lasting(cause)
	h.leaving.Store(&leaving{since: time.Now()})
	h.sayGoodbye(limit)
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
	if err := h.hijacked(ctx, changed); err != nil {
		return err
	}
	h.release(context.Canceled)
	return nil
}

// quiesce waits until no connection has a request or is about to have one, and
// sends those away that it may: the ones that have never sent anything when
// they have been silent for long, the others when nothing else is left. What is
// there when it returns speaks h2, and has to be told to go: closing it would
// cut frames that are not flushed yet.
func (h *httpServer) quiesce(ctx context.Context, changed <-chan struct{}) error {
	began := time.Now() // accepting has ended
	told := false
	for from := began; ; {
		now := time.Now()
		conns, wait, silent := h.conns.silent(now, from, h.lasting, told)
		switch {
		case silent:
			if h.sendAway(conns, now) {
				return nil
			}
			wait = time.Millisecond // at most: their states are about to change
		case wait == 0:
			wait = h.sendNewAway(now, from.Add(max(hush, h.lasting)))
		}
		// Who has had something to say on h2 was told to go by the answer.
		// Now for those whose streams last, so that they close with them. What
		// a client sends before it has read that is lost, so those that are
		// slow to send again on a busy machine get the time to.
		if settled := from.Add(max(h.lasting, h.conns.slowness())); !told && now.Before(settled) {
			wait = shorter(wait, settled.Sub(now))
		} else if !told {
			told = true
			sendGoAway(h.twin)
		}
		wait = min(wait, step)
		if err := waitChange(ctx, changed, wait); err != nil {
			return err
		}
		if end := time.Now(); wait > 0 && late(now.Add(wait), end) && end.Sub(began) < settleMost {
			from = end
		}
	}
}

// shorter returns the shorter of two waits, of which zero is the longest.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// sendNewAway sends those away that have never sent anything, from due on. It
// returns how long to wait until the next look, at most; zero: for ever.
func (h *httpServer) sendNewAway(now, due time.Time) time.Duration {
	fresh := h.conns.fresh()
	if len(fresh) == 0 {
		return 0
	}
	if now.Before(due) {
		return due.Sub(now)
	}
	h.sendAway(fresh, now)
	return step
}

// sendAway sends connections away one by one, each right after a look into its
// buffer. Leaving that to Shutdown would be a trap: it makes the server drop
// every request that has come since the look, on all of them. done means that
// there was nothing but h2.
func (h *httpServer) sendAway(conns []*conn, now time.Time) (done bool) {
	done = true
	for _, c := range conns {
		done = h.conns.sendAway(c, now) && done
	}
	if n := h.conns.away(); n > 0 {
		h.remark.Store(fmt.Sprintf("closed %d silent", n))
	}
	return done
}

// lingering waits for the clients to close, and for a stream that came before
// its client had read the GOAWAY. On a busy machine the last frames may not
// have had their turn yet.
func (h *httpServer) lingering(ctx context.Context, changed <-chan struct{}) error {
	began := time.Now()
	for end := began.Add(linger); ; {
		open, active := h.conns.counts()
		now := time.Now()
		wait := min(step, end.Sub(now))
		switch {
		case open == 0:
			return nil
		case active > 0:
			wait = 0
		case wait <= 0:
			return nil
		}
		if err := waitChange(ctx, changed, wait); err != nil {
			return err
		}
		after := time.Now()
		if active > 0 || late(now.Add(wait), after) && after.Sub(began) < settleMost {
			end = after.Add(linger)
		}
	}
}

// hijacked waits for connections that net/http gave away. The end of a handler
// is told; nobody tells of a connection that outlives its handler, so these
// alone are looked at every few milliseconds.
func (h *httpServer) hijacked(ctx context.Context, changed <-chan struct{}) error {
	for len(h.conns.hijacked()) > 0 {
		if err := waitChange(ctx, changed, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
