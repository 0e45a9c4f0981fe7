// Package misses_assigned sets the limit after the server is made.
package misses_assigned

import (
	"net/http"
	"time"
)

func assigned(h http.Handler) error {
	srv := &http.Server{Handler: h}
	srv.ReadHeaderTimeout = time.Minute
	return srv.ListenAndServe()
}
