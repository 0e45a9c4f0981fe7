package hits

// This file shuts down with what is derived from a context that is done.

import (
	"context"
	"net/http"
	"time"
)

func derived(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return srv.Shutdown(limited) // want "the context is done when Shutdown begins"
}

func inTime(ctx context.Context, srv *http.Server) error {
	limited, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	<-ctx.Done()
	return srv.Shutdown(limited) // want "the context is done when Shutdown begins"
}

// However it is derived.
func allWays(ctx context.Context, srv *http.Server) {
	type key struct{}
	<-ctx.Done()
	ctx1, cancel1 := context.WithDeadline(ctx, time.Now())
	srv.Shutdown(ctx1) // want "the context is done when Shutdown begins"
	ctx2, cancel2 := context.WithCancel(ctx)
	srv.Shutdown(ctx2) // want "the context is done when Shutdown begins"
	ctx3, cancel3 := context.WithTimeoutCause(ctx, time.Second, nil)
	srv.Shutdown(ctx3) // want "the context is done when Shutdown begins"
	ctx4, cancel4 := context.WithDeadlineCause(ctx, time.Now(), nil)
	srv.Shutdown(ctx4) // want "the context is done when Shutdown begins"
	ctx5, cancel5 := context.WithCancelCause(ctx)
	srv.Shutdown(ctx5) // want "the context is done when Shutdown begins"
	ctx6 := context.WithValue(ctx, key{}, 1)
	srv.Shutdown(ctx6) // want "the context is done when Shutdown begins"
	cancel1()
	cancel2()
	cancel3()
	cancel4()
	cancel5(nil)
}
