package main

// This file is a server that is there to be stopped, and its clients.

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/bench/served"
)

// kib is what a handler answers.
var kib = strings.Repeat("0123456789abcde\n", 64)

// subject is one server with its clients. It is stopped once.
type subject struct {
	*work
	protocol served.Protocol
	addr     net.Addr
	shut     func() // returns when the stop is over; from any goroutine

	get     func() error // makes a request
	hangUp  func()       // ends the clients
	asking  sync.WaitGroup
	silents []net.Conn

	accepting time.Time // when accepting ended, for ours; written before over
	over      time.Time // when the stop was
}

func newSubject(p served.Protocol, ours bool) *subject {
	s := &subject{work: newWork(), protocol: p}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.do()
		_, _ = io.WriteString(w, kib)
	})
	call := served.Handler(func(context.Context, string) string { s.do(); return kib })
	switch {
	case ours && p == overGRPC:
		s.manage(graceful.GRPC("server", "127.0.0.1:0", served.RPC(call)))
	case ours:
		s.manage(graceful.HTTP("server", "127.0.0.1:0", served.Web(p, handler)))
	case p == overGRPC:
		s.plainGRPC(call)
	default:
		s.plainWeb(handler)
	}
	if p == overGRPC {
		s.callGRPC()
	} else {
		s.callWeb()
	}
	return s
}

// manage has a manager serve the component.
func (s *subject) manage(c graceful.Component) {
	serve := c.Serve
	c.Serve = func(ctx context.Context, ln net.Listener) error {
		err := serve(ctx, ln)
		s.accepting = time.Now()
		return err
	}
	m, ended := managed(c)
	s.addr = m.Addr(c.Name)
	s.shut = func() {
		m.Stop(nil)
		s.over = <-ended
	}
}

// managed runs a manager with one component until it is stopped; ended tells
// when Run returned.
func managed(c graceful.Component) (m *graceful.Manager, ended <-chan time.Time) {
	ready, over := make(chan struct{}), make(chan time.Time, 1)
	m = graceful.New(graceful.Options{
		Budget:  hangs,
		Signals: []os.Signal{},
		Logger:  slog.New(slog.DiscardHandler),
		OnReady: func() { close(ready) },
	})
	m.Add(0, c)
	go func() { // ends by m.Stop
		_, err := m.Run(context.Background())
		now := time.Now()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			panic(err)
		}
		over <- now
	}()
	<-ready
	return m, over
}

func (s *subject) plainWeb(h http.Handler) {
	srv := served.Web(s.protocol, h)
	s.listen(func(ln net.Listener) error { return served.Serve(srv, ln) })
	s.shut = func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangs)
		defer cancel()
		err := srv.Shutdown(ctx)
		s.over = time.Now()
		if err != nil {
			_ = srv.Close()
		}
	}
}

func (s *subject) plainGRPC(h served.Handler) {
	srv := served.RPC(h)
	s.listen(srv.Serve)
	s.shut = func() {
		over := make(chan time.Time, 1)
		go func() { // ends when the clients have hung up
			srv.GracefulStop()
			over <- time.Now()
		}()
		select {
		case s.over = <-over:
		case <-time.After(hangs):
			s.over = time.Now()
		}
	}
}

// listen serves a new socket until the stop.
func (s *subject) listen(serve func(net.Listener) error) {
	ln, err := served.Listen()
	if err != nil {
		panic(err)
	}
	s.addr = ln.Addr()
	go func() { _ = serve(ln) }() // ends with the stop
}

func (s *subject) callWeb() {
	t := served.Transport(s.protocol, nil)
	t.MaxIdleConnsPerHost = inFlight // or else it would close some by itself
	url := s.protocol.URL(s.addr.String())
	s.hangUp = t.CloseIdleConnections
	s.get = func() error {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := t.RoundTrip(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}

func (s *subject) callGRPC() {
	c, err := served.Client(s.addr.String(), nil)
	if err != nil {
		panic(err)
	}
	s.hangUp = func() { _ = c.Close() }
	s.get = func() error {
		_, err := served.Call(context.Background(), c, "")
		return err
	}
}

// warm makes the connection that h2 will use: without one, its clients would
// dial several.
func (s *subject) warm() {
	if err := s.get(); err != nil {
		panic(err)
	}
}

// ask has all requests in flight when it returns.
func (s *subject) ask() {
	for range inFlight {
		s.asking.Go(func() {
			if err := s.get(); err != nil {
				panic("bench: a request that was in flight: " + err.Error())
			}
		})
	}
	s.entered.Wait()
}

// fallSilent opens connections that say nothing, and others that stop in the
// middle of a word.
func (s *subject) fallSilent() {
	for i := range silence + halves {
		c, err := net.Dial("tcp", s.addr.String())
		if err != nil {
			panic(err)
		}
		s.silents = append(s.silents, c)
		if i < silence {
			continue
		}
		if s.protocol == served.TLSH2 {
			c = tls.Client(c, served.ClientTLS())
		}
		half := "PRI * HTTP/2.0\r\n\r\nSM"
		if s.protocol == served.HTTP1 {
			half = "GET / HT"
		}
		if _, err := io.WriteString(c, half); err != nil {
			panic(err)
		}
	}
}

// stop stops the server; the last request ends at about end.
func (s *subject) stop(end time.Duration) {
	s.end = end
	close(s.stopping)
	s.shut()
	s.asking.Wait()
}

// took returns, in nanoseconds, what the stop took from the last answer on, or
// from the end of the settle time where that was later. It is never zero.
func (s *subject) took() float64 {
	from := s.mu.last
	if end := s.accepting.Add(settled); !s.accepting.IsZero() && end.After(from) {
		from = end
	}
	return float64(max(s.over.Sub(from), time.Microsecond))
}

func (s *subject) close() {
	s.hangUp()
	for _, c := range s.silents {
		_ = c.Close()
	}
}
