// Package misses helps tests, by the name of its folder.
package misses

import "net/http"

func serve() error { return http.ListenAndServe(":8080", nil) }
