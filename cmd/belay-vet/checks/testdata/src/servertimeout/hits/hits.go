// Package hits has servers that wait for ever for a header.
package hits

import (
	"fmt"
	"net"
	"net/http"
)

type app struct{ srv *http.Server }

func literal(h http.Handler) error {
	srv := &http.Server{ // want "without ReadHeaderTimeout or ReadTimeout"
		Addr:    ":8080",
		Handler: h, // all of it
	}
	return srv.ListenAndServe()
}

func oneLine(h http.Handler) error {
	srv := http.Server{Handler: h} // want "without ReadHeaderTimeout or ReadTimeout"
	return srv.ListenAndServeTLS("cert", "key")
}

func empty() error {
	return (&http.Server{}).ListenAndServe() // want "without ReadHeaderTimeout or ReadTimeout"
}

func (a *app) start(addr string) error {
	a.srv = &http.Server{Handler: nil} // want "without ReadHeaderTimeout or ReadTimeout"
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return a.srv.Serve(l)
}

func made(port int) error {
	srv := newServer(port)
	return srv.ListenAndServe()
}

func newServer(port int) *http.Server {
	return &http.Server{Addr: fmt.Sprintf(":%d", port)} // want "without ReadHeaderTimeout or ReadTimeout"
}

func zero() error {
	var srv http.Server // want "without ReadHeaderTimeout or ReadTimeout"
	srv.Addr = ":8080"
	return srv.ListenAndServe()
}

func short(addr string, h http.Handler) {
	go http.ListenAndServe(addr, nil)                                                         // want "without ReadHeaderTimeout or ReadTimeout"
	go http.ListenAndServe(":80", h)                                                          // want "without ReadHeaderTimeout or ReadTimeout"
	go http.ListenAndServeTLS(addr, "cert", "key", http.NotFoundHandler())                    // want "without ReadHeaderTimeout or ReadTimeout"
	http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // want "without ReadHeaderTimeout or ReadTimeout"
		w.WriteHeader(204) // nothing to say
	}))
}

func address() string { return ":80" }

func called() error {
	return http.ListenAndServe(address(), nil) // want "without ReadHeaderTimeout or ReadTimeout"
}

// A func variable made it, which may well set a limit; this one is served too.
func madeByVariable(make func() *http.Server) error {
	srv := make()
	go srv.ListenAndServe()
	srv = &http.Server{} // want "without ReadHeaderTimeout or ReadTimeout"
	return srv.ListenAndServe()
}
