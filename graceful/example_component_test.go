package graceful_test

// Why one would want each kind of component, and what the report tells, by
// example.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/belay-go/belay/graceful"
)

// Anything with an open and a close is a component.
func ExampleComponent() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{
		Name:  "db",
		Limit: 5 * time.Second,
		Start: func(context.Context) error { return errors.New("no such host") },
		Stop:  func(context.Context) error { fmt.Println("never called: it never started"); return nil },
	})
	_, err := m.Run(context.Background())
	fmt.Println(err)
	// Output: graceful: db: start: no such host
}

func ExampleFunc() {
	m := graceful.New(examples)
	jobs := make(chan string, 3)
	jobs <- "a"
	jobs <- "b"
	m.Add(0, graceful.Func("worker", func(ctx context.Context, ready func()) error {
		ready()
		for {
			select {
			case job := <-jobs:
				fmt.Println("job", job)
				if len(jobs) == 0 {
					m.Stop(nil)
				}
			case <-ctx.Done():
				return nil
			}
		}
	}))
	m.Run(context.Background())
	// Output:
	// job a
	// job b
}

type pool struct{}

func (pool) Close() error { fmt.Println("pool closed"); return nil }

func ExampleCloser() {
	m := graceful.New(examples)
	m.Add(0, graceful.Closer("pool", pool{}))
	m.Add(1, graceful.Component{Name: "stop", Start: func(context.Context) error { m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output: pool closed
}

// A stream ends itself when its server begins to stop.
func ExampleDraining() {
	m := graceful.New(examples)
	m.Add(0, graceful.Func("stream", func(ctx context.Context, ready func()) error {
		ready()
		m.Stop(nil)
		<-graceful.Draining(ctx)
		fmt.Println("event: bye")
		return nil
	}))
	m.Run(context.Background())
	// Output: event: bye
}

func ExampleSignalError() {
	var cause error = &graceful.SignalError{Signal: syscall.SIGTERM} // as context.Cause gives it
	if s, ok := errors.AsType[*graceful.SignalError](cause); ok && s.Signal == syscall.SIGTERM {
		fmt.Println("the supervisor wants us to go")
	}
	// Output: the supervisor wants us to go
}

// A server of datagrams. It needs no code for the stop: ReadFrom ends.
func ExampleComponent_servePacket() {
	m := graceful.New(examples)
	m.Add(1, graceful.Component{
		Name: "echo", Addr: "udp:127.0.0.1:0",
		ServePacket: func(_ context.Context, pc net.PacketConn) error {
			for b := make([]byte, 1500); ; {
				n, from, err := pc.ReadFrom(b)
				if err != nil {
					return err
				}
				if _, err := pc.WriteTo(b[:n], from); err != nil {
					return err
				}
			}
		},
	})
	m.Add(2, graceful.Component{Name: "client", Start: func(context.Context) error {
		c, err := net.Dial("udp", m.Addr("echo").String())
		if err != nil {
			return err
		}
		defer c.Close()
		fmt.Fprint(c, "hello")
		b := make([]byte, 1500)
		n, err := c.Read(b)
		fmt.Println(string(b[:n]))
		m.Stop(nil)
		return err
	}})
	_, err := m.Run(context.Background())
	fmt.Println(err)
	// Output:
	// hello
	// <nil>
}
