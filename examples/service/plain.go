package main

// The control of the experiment: the same servers and handlers, stopped as the
// documentation of net/http and grpc shows it, and restarted by handing over
// the sockets and stopping then, without belay. It is written as well as one
// would without measuring, and it still loses requests.

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
	lns, heir, err := s.plainListeners(p.getenv)
	if err != nil {
		return p.fail(1, err)
	}
	for _, ln := range lns {
		defer ln.Close()
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
	restart := plainRestarts()
	defer signal.Stop(restart)
	onReady(lns["http"].Addr(), lns["grpc"].Addr())
	heir.ready()

	exit, serving := 0, true
	for serving {
		select {
		case <-ctx.Done():
			serving = false
		case <-restart:
			if err := replacePlain(ctx, lns); err != nil {
				s.log.Error("restart failed", "err", err)
				break
			}
			serving = false
		case err := <-failed:
			s.log.Error("serving failed", "err", err)
			exit, serving = 1, false
		}
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
