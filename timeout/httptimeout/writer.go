package httptimeout

// This file is the handler's view of an exchange: all of what a ResponseWriter
// and a [http.ResponseController] can do. It has no Unwrap, by which a handler
// would reach the server's ResponseWriter past the deadline.

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

func (x *exchange) Header() http.Header { return x.header }

func (x *exchange) WriteHeader(code int) {
	if 100 <= code && code <= 199 && code != http.StatusSwitchingProtocols {
		x.inform(code)
		return
	}
	if x.claim() == nil {
		x.w.WriteHeader(code)
	}
}

// inform sends a header that is not the final one.
func (x *exchange) inform(code int) {
	lent, err := x.borrow()
	if err != nil {
		return
	}
	defer x.giveBack(lent, false)
	if lent {
		if x.outer == nil {
			x.outer = maps.Clone(x.w.Header())
		}
		replace(x.w.Header(), x.header)
	}
	x.w.WriteHeader(code)
}

func (x *exchange) Write(p []byte) (int, error) {
	if err := x.claim(); err != nil {
		return 0, err
	}
	return x.w.Write(p)
}

func (x *exchange) WriteString(s string) (int, error) {
	if err := x.claim(); err != nil {
		return 0, err
	}
	return io.WriteString(x.w, s)
}

// ReadFrom leaves what it can to the server's ResponseWriter, which may send a
// file without reading it. The beginning it copies itself, as the server does
// too: a source from which nothing comes must not make the response the
// handler's.
func (x *exchange) ReadFrom(src io.Reader) (n int64, err error) {
	const beginning = 512
	n, err = io.Copy(onlyWriter{x}, io.LimitReader(src, beginning))
	if err != nil || n < beginning {
		return n, err
	}
	var more int64
	if to, ok := x.w.(io.ReaderFrom); ok {
		more, err = to.ReadFrom(src)
	} else {
		more, err = io.Copy(onlyWriter{x.w}, src)
	}
	return n + more, err
}

// onlyWriter hides a ReadFrom.
type onlyWriter struct{ io.Writer }

func (x *exchange) Flush() { _ = x.FlushError() }

func (x *exchange) FlushError() error {
	if err := x.claim(); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

func (x *exchange) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	lent, err := x.borrow()
	if err != nil {
		return nil, nil, err
	}
	hijacked := false
	defer func() { x.giveBack(lent, hijacked) }()
	conn, rw, err = http.NewResponseController(x.w).Hijack()
	hijacked = err == nil
	return conn, rw, err
}

func (x *exchange) SetReadDeadline(at time.Time) error {
	return x.control(func(c *http.ResponseController) error { return c.SetReadDeadline(at) })
}

func (x *exchange) SetWriteDeadline(at time.Time) error {
	return x.control(func(c *http.ResponseController) error { return c.SetWriteDeadline(at) })
}

func (x *exchange) EnableFullDuplex() error {
	return x.control((*http.ResponseController).EnableFullDuplex)
}

// control does what concerns the connection and sends nothing.
func (x *exchange) control(call func(*http.ResponseController) error) error {
	lent, err := x.borrow()
	if err != nil {
		return err
	}
	defer x.giveBack(lent, false)
	return call(http.NewResponseController(x.w))
}
