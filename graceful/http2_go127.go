//go:build go1.27

package graceful

// How a server has another one serve its h2 connections, from Go 1.27 on. What a
// server has in TLSNextProto then only says that it speaks h2: it serves its own
// connections past that. It is still asked where somebody else is to serve them, and
// there is a way to ask a server for a func that serves one, for golang.org/x/net/http2
// (net/http, func Server.Serve): to be called with a listener of these methods.

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

type serveH2 = func(ctx context.Context, c net.Conn, h http.Handler, sawPreface bool, upgrade *http.Request, settings []byte)

// borrower asks a server for the func with which it serves h2.
type borrower struct {
	noListener
	idle  time.Duration
	serve serveH2
}

func (b *borrower) HTTP2Config() http.HTTP2Config { return http.HTTP2Config{} } // the server's own
func (b *borrower) IdleTimeout() time.Duration    { return b.idle }
func (b *borrower) ServeConnFunc(f serveH2)       { b.serve = f }

// lend has twin serve the h2 connections of srv, with the settings of srv, and
// reports whether it can. If not, srv serves them itself: GOAWAY comes with its
// Shutdown only.
func lend(srv, twin *http.Server) bool {
	twin.HTTP2 = srv.HTTP2
	twin.MaxHeaderBytes, twin.MaxHeaderValueCount = srv.MaxHeaderBytes, srv.MaxHeaderValueCount
	twin.WriteTimeout = srv.WriteTimeout
	twin.ErrorLog = srv.ErrorLog
	twin.DisableClientPriority = srv.DisableClientPriority
	twin.ConnState = func(c net.Conn, state http.ConnState) {
		if srv.ConnState != nil { // which is set later
			srv.ConnState(c, state)
		}
	}
	b := &borrower{idle: srv.IdleTimeout}
	if b.idle == 0 {
		b.idle = srv.ReadTimeout
	}
	if _ = twin.Serve(b); b.serve == nil {
		return false
	}
	srv.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, h http.Handler) {
			b.serve(contextOf(h), c, h, false, nil, nil)
		},
		// Without TLS: its beginning has been read, and the connection is inside.
		"unencrypted_http2": func(_ *http.Server, c *tls.Conn, h http.Handler) {
			if inner, ok := c.NetConn().(interface{ UnencryptedNetConn() net.Conn }); ok {
				b.serve(contextOf(h), inner.UnencryptedNetConn(), h, true, nil, nil)
			}
		},
	}
	return true
}

// contextOf is the context of a connection, as a handler of net/http's has it.
func contextOf(h http.Handler) context.Context {
	if b, ok := h.(interface{ BaseContext() context.Context }); ok {
		return b.BaseContext()
	}
	return context.Background()
}
