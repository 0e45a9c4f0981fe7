package main

// This file is the child: one process with all servers, stopped by graceful or
// without it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/bench/served"
)

const (
	// role is set in the environment of a child, to how it is stopped.
	role = "BELAY_STOPS_SERVER"
	// plain stops by Shutdown and GracefulStop, as their documentation shows;
	// managed by graceful.
	plain, managed = "plain", "graceful"

	// budget is what a child is given for its stop.
	budget = 5 * time.Second
)

// servers are all that a child serves.
type servers struct {
	web, tls *http.Server
	rpc      *grpc.Server
}

// playServer serves until SIGTERM, or until its parent is gone, and returns the
// exit code.
func playServer(kind string) int {
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	s := servers{
		web: served.Web(served.H2C, http.HandlerFunc(served.Echo)),
		tls: served.Web(served.TLSH2, http.HandlerFunc(served.Echo)),
		rpc: served.RPC(served.EchoCall),
	}
	if kind == plain {
		return s.plain()
	}
	return s.managed()
}

// ready tells the parent where to ask.
func ready(web, tls, rpc net.Addr) { fmt.Printf("ready %s %s %s\n", web, tls, rpc) }

func (s servers) managed() int {
	var m *graceful.Manager
	m = graceful.New(graceful.Options{
		Budget:  budget,
		Logger:  slog.New(slog.DiscardHandler),
		OnReady: func() { ready(m.Addr("web"), m.Addr("tls"), m.Addr("rpc")) },
	})
	m.Add(0,
		graceful.HTTP("web", "127.0.0.1:0", s.web),
		graceful.HTTP("tls", "127.0.0.1:0", s.tls),
		graceful.GRPC("rpc", "127.0.0.1:0", s.rpc))
	report, err := m.Run(context.Background())
	if code := report.ExitCode(); code != 0 || err != nil {
		fmt.Fprintln(os.Stderr, report, err)
		return code
	}
	return 0
}

func (s servers) plain() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	var addrs []net.Addr
	for _, serve := range []func(net.Listener) error{
		s.web.Serve,
		func(ln net.Listener) error { return served.Serve(s.tls, ln) },
		s.rpc.Serve,
	} {
		ln, err := served.Listen()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		addrs = append(addrs, ln.Addr())
		go func() { _ = serve(ln) }() // ends with the stop
	}
	ready(addrs[0], addrs[1], addrs[2])
	<-ctx.Done()

	ctx, cancel = context.WithTimeout(context.Background(), budget)
	defer cancel()
	var all sync.WaitGroup
	var webErr, tlsErr error
	all.Go(func() { webErr = s.web.Shutdown(ctx) })
	all.Go(func() { tlsErr = s.tls.Shutdown(ctx) })
	all.Go(func() {
		cut := time.AfterFunc(budget, s.rpc.Stop)
		defer cut.Stop()
		s.rpc.GracefulStop()
	})
	all.Wait()
	if err := errors.Join(webErr, tlsErr); err != nil {
		return 3 // the process ends, and with it what it has not answered
	}
	return 0
}
