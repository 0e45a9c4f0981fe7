// Package hits shuts down with a context that is done.
package hits

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/labstack/echo/v4"
)

type server struct{ *http.Server }

func signalled(srv *http.Server) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	if err := srv.Shutdown(ctx); err != nil { // want "the context is done when Shutdown begins"
		log.Println(err)
	}
}

func selected(ctx context.Context, s *server, failed chan error) error {
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return s.Shutdown(ctx) // want "the context is done when Shutdown begins"
	}
}

func looped(ctx context.Context, s *server, ticks chan int) error {
	for {
		select {
		case <-ticks:
		case <-ctx.Done():
			return s.Shutdown(ctx) // want "the context is done when Shutdown begins"
		}
	}
}

func echoed(ctx context.Context, e *echo.Echo) {
	<-ctx.Done()
	go func() {
		e.Shutdown(ctx) // want "the context is done when Shutdown begins"
	}()
}
