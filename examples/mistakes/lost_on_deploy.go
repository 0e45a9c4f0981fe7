package mistakes

// Requests that are lost at each deploy.

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/belay-go/belay/graceful"
)

// ServeWrong drops who has connected and whose request is not read yet.
func ServeWrong(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(ln)
	<-ctx.Done() // SIGTERM
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return srv.Shutdown(limited)
}

// ServeRight serves whom the kernel has accepted, and closes nothing that is in use.
func ServeRight(ctx context.Context, ln net.Listener, h http.Handler) error {
	c := graceful.HTTP("http", "", &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second})
	c.Listener = ln // or an address above, and the manager binds it
	m := graceful.New(graceful.Options{Budget: 20 * time.Second})
	m.Add(1, c)
	_, err := m.Run(ctx)
	return err
}
