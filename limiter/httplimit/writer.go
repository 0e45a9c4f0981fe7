package httplimit

// This file notices that a handler hijacks its connection, which outlives the
// handler and has the permit until it is closed. Only HTTP/1 can be hijacked, so
// for other requests the ResponseWriter is left alone.

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/belay-go/belay/limiter"
)

// watch returns a ResponseWriter that notices hijacking, and what it knows; or w
// itself, and nil, if it can't be hijacked.
//
// Which methods it has beyond those that do no harm is what w has: a handler asks
// for Flush to find out whether it can stream.
func watch(w http.ResponseWriter, r *http.Request, permit limiter.Permit) (http.ResponseWriter, *writer) {
	if r.ProtoMajor != 1 || permit == (limiter.Permit{}) || !canHijack(w) {
		return w, nil
	}
	_, canFlush := w.(http.Flusher)
	_, canNotify := w.(closeNotifier)
	switch {
	case canFlush && canNotify:
		n := &notifier{flusher{writer{ResponseWriter: w, permit: permit}}}
		return n, &n.writer
	case canFlush:
		f := &flusher{writer{ResponseWriter: w, permit: permit}}
		return f, &f.writer
	default:
		inner := &writer{ResponseWriter: w, permit: permit}
		return inner, inner
	}
}

// canHijack looks where a ResponseController does.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// writer is a ResponseWriter that can be hijacked.
type writer struct {
	http.ResponseWriter
	permit   limiter.Permit
	hijacked atomic.Bool
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteString(s string) (int, error) { return io.WriteString(w.ResponseWriter, s) }

// ReadFrom leaves src as it is, which may be a file that the server can send
// without reading it.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	if to, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, src)
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return c, rw, err
	}
	w.hijacked.Store(true)
	return hold(c, w.permit), rw, nil
}

// flusher is a writer that can flush.
type flusher struct{ writer }

func (f *flusher) Flush() { _ = f.FlushError() }

func (f *flusher) FlushError() error { return http.NewResponseController(f.ResponseWriter).Flush() }

// closeNotifier is net/http's CloseNotifier, which new code doesn't use.
type closeNotifier interface{ CloseNotify() <-chan bool }

// notifier is a flusher for old code.
type notifier struct{ flusher }

func (n *notifier) CloseNotify() <-chan bool {
	return n.ResponseWriter.(closeNotifier).CloseNotify()
}

// hold returns the connection as one that has the permit until it is closed.
func hold(c net.Conn, permit limiter.Permit) net.Conn {
	held := conn{Conn: c, permit: permit}
	if half, ok := c.(halfCloser); ok {
		return &halfConn{conn: held, halfCloser: half}
	}
	return &held
}

// conn is a connection that has a permit.
type conn struct {
	net.Conn
	permit limiter.Permit
}

// Close releases the permit, which is done once. How long a connection was open says
// nothing of the server.
func (c *conn) Close() error {
	defer c.permit.Ignore()
	return c.Conn.Close()
}

// NetConn returns the connection below, as that of a [tls.Conn] does.
func (c *conn) NetConn() net.Conn { return c.Conn }

// ReadFrom and WriteTo leave it to the connection below how bytes are moved.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, src)
}

func (c *conn) WriteTo(dst io.Writer) (int64, error) {
	if from, ok := c.Conn.(io.WriterTo); ok {
		return from.WriteTo(dst)
	}
	return io.Copy(dst, struct{ io.Reader }{c.Conn})
}

// halfCloser is what a connection by TCP or TLS is.
type halfCloser interface{ CloseWrite() error }

type halfConn struct {
	conn
	halfCloser
}
