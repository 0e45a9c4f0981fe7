package main

// This file is the act that starts a whole service, uses it and stops it.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/timeout"
	"github.com/belay-go/belay/timeout/httptimeout"
)

// serves runs a manager with a server and a consumer, one of which may fail, and
// stops it under load.
func (w *world) serves(random *rand.Rand) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := graceful.New(graceful.Options{
		Budget: 5 * time.Second, Signals: []os.Signal{}, TerminationLog: "-", StopOnPanic: true,
		Logger: slog.New(slog.DiscardHandler),
	})
	m.Add(0, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: w.handler(), ErrorLog: log.New(io.Discard, "", 0)}))
	m.Add(1, graceful.Func("consumer", w.consumer(random.IntN(8))))
	ended := make(chan error, 1)
	go func() { _, err := m.Run(ctx); ended <- err }() // ends with the manager
	for m.Addr("http") == nil && m.State() != "stopped" {
		time.Sleep(100 * time.Microsecond)
	}
	var clients timeout.WaitGroup
	if addr := m.Addr("http"); addr != nil {
		for range 3 {
			own := other(random)
			clients.Go(func() { w.client(own, addr.String()) })
		}
	}
	time.Sleep(time.Duration(random.IntN(3_000_000)))
	if random.IntN(2) == 0 {
		cancel()
	} else {
		m.Stop(errPlanted)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		w.fail("a manager with 5 s to stop has not after 20 s: %v", m.Report())
	}
	if clients.WaitTimeout(20 * time.Second) {
		w.fail("clients wait for a service that has stopped")
	}
}

// consumer is a component that does not end well, one time in some.
func (w *world) consumer(fault int) func(ctx context.Context, ready func()) error {
	return func(ctx context.Context, ready func()) error {
		ready()
		switch fault {
		case 0:
			w.panics.Add(1)
			panic(errPlanted)
		case 1:
			w.exits.Add(1)
			runtime.Goexit()
		case 2:
			return errPlanted
		}
		<-ctx.Done()
		return nil
	}
}

func (w *world) handler() http.Handler {
	work := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if err := w.fault(rand.New(rand.NewPCG(rand.Uint64(), 1))); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
		}
		_, _ = io.WriteString(rw, "done")
	})
	limited := httplimit.Shared(w.adapt, httplimit.Options{Logger: slog.New(slog.DiscardHandler)})(httptimeout.New(work, time.Second, httptimeout.Options{}))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		// What the faults do to a handler must reach the server as it would.
		done := make(chan any, 1)
		go func() { // ends with the handler
			defer func() { done <- recover() }()
			limited.ServeHTTP(rw, r)
		}()
		if v := <-done; v != nil && !planted(v) && !errors.Is(asError(v), http.ErrAbortHandler) {
			w.fail("a handler panicked: %v", v)
		} else if v != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

func asError(v any) error {
	err, _ := v.(error)
	return err
}

// client sends requests, and hangs up on some of them.
func (w *world) client(random *rand.Rand, addr string) {
	for range 1 + random.IntN(4) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
		if random.IntN(3) == 0 {
			w.sockets.Add(1)
			_ = c.Close()
			continue
		}
		if text, _ := io.ReadAll(c); bytes.HasSuffix(text, []byte("done")) {
			w.answered.Add(1)
		}
		_ = c.Close()
	}
}
