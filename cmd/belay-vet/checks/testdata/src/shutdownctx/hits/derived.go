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
