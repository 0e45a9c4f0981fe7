//go:build !go1.27

package graceful

// How a server has another one serve its h2 connections, up to Go 1.26.

import "net/http"

// lend has twin serve the h2 connections of srv, with the settings of srv, and
// reports whether it can.
func lend(srv, twin *http.Server) bool {
	srv.TLSNextProto = twin.TLSNextProto
	return true
}
