// Package hits returns while Shutdown runs.
package hits

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
)

type app struct{ srv *http.Server }

// Whoever runs this goes on, or ends the process, with requests under way.
func (a *app) run(ctx context.Context) error {
	go func() {
		<-ctx.Done()
		a.srv.Shutdown(context.Background())
	}()
	return a.srv.ListenAndServe() // want "Serve returns as soon as Shutdown begins"
}

func looked(ctx context.Context, srv *http.Server, l net.Listener) error {
	go func() {
		<-ctx.Done()
		if err := srv.Shutdown(context.Background()); err != nil {
			log.Println(err)
		}
	}()
	err := srv.Serve(l) // want "Serve returns as soon as Shutdown begins"
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func after(ctx context.Context, srv *http.Server) error {
	context.AfterFunc(ctx, func() { srv.Shutdown(context.Background()) })
	return srv.ListenAndServe() // want "Serve returns as soon as Shutdown begins"
}

func fatal(ctx context.Context, srv *http.Server) {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	log.Fatal(srv.ListenAndServe()) // want "Serve returns as soon as Shutdown begins"
}
