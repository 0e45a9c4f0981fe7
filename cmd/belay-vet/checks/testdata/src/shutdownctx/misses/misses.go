// Package misses shuts down with time left, as far as can be seen.
package misses

import (
	"context"
	"net/http"
	"time"
)

type worker struct{}

func (w *worker) Shutdown(ctx context.Context) error { return nil }

func own(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return srv.Shutdown(limited)
}

func without(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return srv.Shutdown(limited)
}

func again(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	ctx = context.Background()
	return srv.Shutdown(ctx)
}

func shadowed(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	{
		ctx := context.Background()
		return srv.Shutdown(ctx)
	}
}

func otherEnd(ctx, limit context.Context, srv *http.Server) error {
	<-ctx.Done()
	return srv.Shutdown(limit)
}

// A child may be done while its parent is not.
func parent(ctx context.Context, srv *http.Server) error {
	child, cancel := context.WithCancel(ctx)
	go cancel()
	<-child.Done()
	return srv.Shutdown(ctx)
}

func eitherWay(ctx context.Context, srv *http.Server, quit chan int) error {
	select {
	case <-quit:
	case <-ctx.Done():
	}
	return srv.Shutdown(ctx)
}

func otherClause(ctx context.Context, srv *http.Server, quit chan int) error {
	select {
	case <-quit:
		return srv.Shutdown(ctx)
	case <-ctx.Done():
		return nil
	}
}

func notYet(ctx context.Context, srv *http.Server) error {
	err := srv.Shutdown(ctx)
	<-ctx.Done()
	return err
}

// What ends it at once knows what it does without requests.
func another(ctx context.Context, w *worker) error {
	<-ctx.Done()
	return w.Shutdown(ctx)
}
