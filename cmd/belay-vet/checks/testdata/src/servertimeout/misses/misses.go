// Package misses has servers with a limit, or not of the network.
package misses

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

func limited(h http.Handler) error {
	srv := &http.Server{Handler: h, ReadTimeout: time.Minute}
	go srv.ListenAndServe()
	other := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	return other.ListenAndServe()
}

func local(port int) error {
	go http.ListenAndServe("localhost:6060", nil)
	go http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", port), nil)
	srv := &http.Server{Addr: "[::1]:80"}
	go srv.ListenAndServe()
	var zero http.Server
	zero.Addr = "localhost:80"
	return zero.ListenAndServe()
}

func unix(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	srv := &http.Server{}
	return srv.Serve(l)
}

func loopback() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{}
	return srv.Serve(l)
}

type pipe struct{ net.Listener }

func piped(p *pipe, other func() net.Listener) error {
	srv := &http.Server{}
	go srv.Serve(p)
	l := other()
	return srv.Serve(l)
}

// Who serves it may set what it wants.
func handedOut() *http.Server { return &http.Server{} }

type wrapped struct{ http.Server }

func elsewhere() any { return &wrapped{http.Server{Addr: ":1"}} }

// Declared without a value, and set by somebody who may know a limit.
func setLater(value func() http.Server, pointer func() *http.Server, fill func(*http.Server)) error {
	var whole http.Server
	whole = value()
	go whole.ListenAndServe()
	var filled http.Server
	fill(&filled)
	go filled.ListenAndServe()
	var at *http.Server
	at = pointer()
	return at.ListenAndServe()
}

// A local address is so with any port.
func localPort(port string) {
	http.ListenAndServe("localhost:"+port, nil)
	http.ListenAndServe("127.0.0.1"+":80", nil)
}
