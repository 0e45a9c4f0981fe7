package main

// The control of the experiment: the same servers and handlers, stopped as the
// documentation of net/http and grpc shows it, without belay. It is written
// as well as one would without measuring, and it still loses requests.

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os/signal"
	"sync"

	"google.golang.org/grpc"
)

// servePlain serves until a signal comes and returns the exit code.
func (p process) servePlain(s *service, onReady func(web, rpc net.Addr)) int {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	lns := map[string]net.Listener{}
	for name, addr := range s.cfg.addresses() {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return p.fail(1, bindError(name, addr, err))
		}
		defer ln.Close()
		lns[name] = ln
	}
	s.adminAddr = lns["admin"].Addr().String

	web, rpc := newHTTPServer(s.routes(), s.log), s.newGRPCServer()
	admin := newHTTPServer(s.adminRoutes(), s.log)
	failed := make(chan error, len(lns))
	// The servers end with the program, if not before.
	go func() { failed <- web.Serve(lns["http"]) }()
	go func() { failed <- rpc.Serve(lns["grpc"]) }()
	go func() { failed <- admin.Serve(lns["admin"]) }()
	go s.handleSignals(ctx, func() {})
	onReady(lns["http"].Addr(), lns["grpc"].Addr())

	exit := 0
	select {
	case <-ctx.Done():
	case err := <-failed:
		s.log.Error("serving failed", "err", err)
		exit = 1
	}
	if err := s.stopPlain(web, rpc); err != nil {
		s.log.Error("stop failed", "err", err)
		exit = 1
	}
	admin.Close()
	return exit
}

// stopPlain stops both servers at the same time, within -grace.
func (s *service) stopPlain(web *http.Server, rpc *grpc.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.grace)
	defer cancel()
	var (
		servers        sync.WaitGroup
		webErr, rpcErr error
	)
	servers.Go(func() { webErr = web.Shutdown(ctx) })
	servers.Go(func() {
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			rpc.GracefulStop()
		}()
		select {
		case <-stopped:
		case <-ctx.Done():
			rpc.Stop() // which ends the GracefulStop as well
			rpcErr = ctx.Err()
		}
	})
	servers.Wait()
	if s.cfg.hang {
		newConsumer().flush()
	}
	return errors.Join(webErr, rpcErr, s.served.digest.close(ctx))
}
