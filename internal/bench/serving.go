package main

// This file measures what graceful costs a server while it serves: the same
// handler behind net/http alone and behind graceful.HTTP, asked by the same
// clients over the same kind of socket; then only what graceful adds to a
// request, without any socket.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/bench/served"
)

// page is the answer to everything.
var page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, kib) })

// A hundredth can be told apart where the rounds are so short that what else runs
// on the machine falls into few of them, and so many that these don't matter.
const (
	short       = 250
	shortLength = 4 * time.Millisecond
)

// servingRows compare requests per second. The row of net/http with itself says
// what can be told apart here at all.
func servingRows() []row {
	var rows []row
	for _, load := range []struct {
		protocol served.Protocol
		callers  int
		what     string
	}{{served.HTTP1, 1, "connection"}, {served.HTTP1, 64, "connections"}, {served.H2C, 64, "streams"}} {
		r := row{
			shape:  fmt.Sprintf("%s, 1 KiB, %d %s", load.protocol, load.callers, load.what),
			peer:   "net/http",
			target: 0.99,
			rounds: short,
			length: shortLength,
		}
		r.theirs, r.ours, r.renew = serve(load.protocol, load.callers, true)
		rows = append(rows, r)
		r.shape += ", net/http with itself"
		r.target = 0
		r.theirs, r.ours, r.renew = serve(load.protocol, load.callers, false)
		rows = append(rows, r)
	}
	return append(rows, hookRow(1), hookRow(max(2, runtime.GOMAXPROCS(0))))
}

// serve returns the sides of a comparison of net/http with graceful or with
// itself.
func serve(p served.Protocol, callers int, withOurs bool) (theirs, ours func(n int), renew func()) {
	var sides [2]*serving
	return func(n int) { sides[0].requests(n) }, func(n int) { sides[1].requests(n) }, func() {
		for i, old := range sides {
			if old != nil {
				old.close()
			}
			sides[i] = newServing(p, callers, i == 1 && withOurs)
		}
	}
}

// serving is a server and its callers, who each wait for their answer.
type serving struct {
	callers []func()
	close   func()
}

func newServing(p served.Protocol, callers int, ours bool) *serving {
	s := new(serving)
	srv := served.Web(p, page)
	var addr net.Addr
	if ours {
		m, ended := managed(graceful.HTTP("server", "127.0.0.1:0", srv))
		addr = m.Addr("server")
		s.close = func() { m.Stop(nil); <-ended }
	} else {
		ln, err := served.Listen()
		if err != nil {
			panic(err)
		}
		addr = ln.Addr()
		go func() { _ = served.Serve(srv, ln) }() // ends by close
		s.close = func() { _ = srv.Close() }
	}
	if p != served.HTTP1 {
		s.callers = slices.Repeat([]func(){stock(p, addr)}, callers)
		return s
	}
	end := s.close
	var conns []net.Conn
	for range callers {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			panic(err)
		}
		conns = append(conns, c)
		s.callers = append(s.callers, raw(c))
	}
	s.close = func() {
		for _, c := range conns {
			_ = c.Close()
		}
		end()
	}
	return s
}

// requests makes n of them, shared out among the callers.
func (s *serving) requests(n int) {
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for _, call := range s.callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				call()
			}
		})
	}
	all.Wait()
}

// raw returns a caller that does as little as a client of http/1.1 can: the
// answers are alike, so it reads that many bytes.
func raw(c net.Conn) func() {
	request := fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", c.RemoteAddr())
	const status = "HTTP/1.1 200 OK\r\n"
	answer, length := make([]byte, 4096), 0
	return func() {
		if _, err := c.Write(request); err != nil {
			panic(err)
		}
		n, err := io.ReadAtLeast(c, answer, max(length, len(kib)))
		if err != nil {
			panic(err)
		}
		if length == 0 {
			length = n // the server writes it at once
		}
		if n != length || string(answer[:len(status)]) != status {
			panic("bench: another answer than before: " + string(answer[:n]))
		}
	}
}

// stock returns a caller that shares the connection of a stock transport.
func stock(p served.Protocol, addr net.Addr) func() {
	t, url := served.Transport(p, nil), p.URL(addr.String())
	call := func() {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			panic(err)
		}
		resp, err := t.RoundTrip(req)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(len(kib)) {
			panic(fmt.Sprintf("bench: %d bytes, %v", n, err))
		}
	}
	call() // so that there is one connection
	return call
}

// hookRow measures what net/http calls for each request on a connection that
// stays open, with nothing else around it.
func hookRow(goroutines int) row {
	bare := func(n int) {
		each(goroutines, n, func(int) func() { return func() { page(&nowhere{http.Header{}}, nil) } })
	}
	hooks := newHooked(goroutines)
	ours := func(n int) { each(goroutines, n, func(i int) func() { return hooks()[i] }) }
	shape := "the hooks around a request"
	if goroutines > 1 {
		shape += fmt.Sprintf(", %d goroutines", goroutines)
	}
	return row{
		shape:  shape,
		peer:   "the handler alone",
		rounds: short / 5,
		length: shortLength,
		theirs: bare,
		ours:   ours,
		check: func(n int) (string, bool) {
			n = max(n, 100_000) // what else allocates meanwhile is no matter then
			added := mallocs(func() { ours(n) }) - mallocs(func() { bare(n) })
			return fmt.Sprintf("%.2f allocations more", float64(added)/float64(n)), added < int64(n)/100
		},
	}
}

func mallocs(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.Mallocs - before.Mallocs)
}

// each calls what f returns n times in all, on so many goroutines.
func each(goroutines, n int, f func(i int) func()) {
	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() {
			call := f(i)
			for range n/goroutines + 1 {
				call()
			}
		})
	}
	all.Wait()
}

// newHooked returns what has a manager serve, connects, and returns for each
// connection what calls the server's fields as net/http does for a request.
func newHooked(connections int) func() []func() {
	return sync.OnceValue(func() []func() {
		srv := served.Web(served.HTTP1, page)
		conns := make(chan net.Conn, connections)
		srv.ConnState = func(c net.Conn, s http.ConnState) {
			if s == http.StateNew {
				conns <- c
			}
		}
		m, _ := managed(graceful.HTTP("server", "127.0.0.1:0", srv))
		addr := m.Addr("server")
		var calls []func()
		for range connections {
			if _, err := net.Dial("tcp", addr.String()); err != nil {
				panic(err)
			}
			c := <-conns
			ctx := srv.BaseContext(nil)
			if srv.ConnContext != nil {
				ctx = srv.ConnContext(ctx, c)
			}
			ctx = context.WithValue(ctx, http.LocalAddrContextKey, c.LocalAddr())
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			if err != nil {
				panic(err)
			}
			calls = append(calls, func() {
				srv.ConnState(c, http.StateActive)
				srv.Handler.ServeHTTP(&nowhere{http.Header{}}, r)
				srv.ConnState(c, http.StateIdle)
			})
		}
		return calls
	})
}
