package graceful_test

// Why one would want each kind of server, by example.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/belay-go/belay/graceful"
)

// The request that is in flight when the stop begins gets its answer.
func ExampleHTTP() {
	m := graceful.New(examples)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Stop(nil)
		<-graceful.Draining(r.Context())
		fmt.Fprint(w, "whole")
	})}
	m.Add(0, graceful.HTTP("http", "127.0.0.1:0", srv))
	answer := make(chan string, 1)
	m.Add(1, graceful.Component{Name: "client", Start: func(context.Context) error {
		go func() { // ends with the answer
			defer close(answer)
			if resp, err := http.Get("http://" + m.Addr("http").String()); err == nil {
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				answer <- string(body)
			}
		}()
		return nil
	}})
	m.Run(context.Background())
	fmt.Println(<-answer)
	// Output: whole
}

// rpcServer has the shape of a *grpc.Server.
type rpcServer struct{}

func (rpcServer) Serve(ln net.Listener) error { _, err := ln.Accept(); return err }
func (rpcServer) GracefulStop()               { fmt.Println("calls have ended") }
func (rpcServer) Stop()                       { fmt.Println("calls are cut") }

func ExampleGRPC() {
	m := graceful.New(examples)
	m.Add(0, graceful.GRPC("grpc", "127.0.0.1:0", rpcServer{}))
	m.Add(1, graceful.Component{Name: "stop", Start: func(context.Context) error { m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output: calls have ended
}

type echoServer struct{}

func (echoServer) Serve(ln net.Listener) error    { _, err := ln.Accept(); return err }
func (echoServer) Shutdown(context.Context) error { fmt.Println("shut down"); return nil }

func ExampleServer() {
	m := graceful.New(examples)
	m.Add(0, graceful.Server("echo", "127.0.0.1:0", echoServer{}))
	m.Add(1, graceful.Component{Name: "stop", Start: func(context.Context) error { m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output: shut down
}

// Port 0 picks a port; the process can tell which when it is ready.
func ExampleManager_Addr() {
	var m *graceful.Manager
	opts := examples
	opts.OnReady = func() {
		host, port, _ := net.SplitHostPort(m.Addr("echo").String())
		fmt.Println("ready on", host, port != "0")
		m.Stop(nil)
	}
	m = graceful.New(opts)
	m.Add(0, graceful.Server("echo", "127.0.0.1:0", echoServer{}))
	m.Run(context.Background())
	// Output:
	// ready on 127.0.0.1 true
	// shut down
}
