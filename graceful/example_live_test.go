package graceful_test

// Why one would want to ask a manager that is at work, by example.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/belay-go/belay/graceful"
)

// A handler of one's own tells what a stop is waiting for.
func ExampleManager_Report() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "db", Start: func(context.Context) error { return nil }, Stop: func(context.Context) error {
		report := m.Report() // from anywhere
		fmt.Println(report.State, "because of:", report.Cause)
		for _, c := range report.Components {
			fmt.Println(c.Name, c.Outcome)
		}
		return nil
	}})
	m.Add(1, graceful.Component{Name: "cache", Start: func(context.Context) error { m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output:
	// stopping because of: graceful: stop asked for by the program
	// cache stopped
	// db stopping
}

func ExampleManager_Inspect() {
	m := graceful.New(examples)
	messages := make(chan string)
	m.Add(0, graceful.Func("consumer", func(ctx context.Context, ready func()) error {
		ready()
		for range messages { // never closed: it forgot about ctx
		}
		return nil
	}))
	m.Add(1, graceful.Component{Name: "debug", Start: func(context.Context) error {
		wait, _, _ := strings.Cut(m.Inspect().Components[1].Where, ", graceful_test")
		fmt.Println("consumer:", wait)
		close(messages)
		return nil
	}})
	m.Run(context.Background())
	// Output: consumer: chan receive, 1 goroutine
}

func ExampleManager_Conns() {
	srv := &http.Server{Handler: http.NotFoundHandler()}
	m := graceful.New(examples)
	m.Add(0, graceful.HTTP("web", "127.0.0.1:0", srv))
	m.Add(1, graceful.Component{Name: "client", Start: func(context.Context) error {
		resp, err := http.Get("http://" + m.Addr("web").String())
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body) // or the client closes its connection
		resp.Body.Close()
		for len(m.Conns()) == 0 || m.Conns()[0].State != "idle" { // as soon as the server has noticed
			time.Sleep(time.Millisecond)
		}
		for _, c := range m.Conns() {
			fmt.Println(c.Component, c.State)
		}
		http.DefaultClient.CloseIdleConnections()
		m.Stop(nil)
		return nil
	}})
	m.Run(context.Background())
	// Output: web idle
}

// Clients that have been quiet for long, for a log line of one's own.
func ExampleConn() {
	for _, c := range []graceful.Conn{
		{Component: "web", State: "idle", Remote: "192.0.2.1:5000", Age: time.Hour},
		{Component: "web", State: "active", Remote: "192.0.2.2:5000", Age: time.Second},
	} {
		if c.State == "idle" && c.Age > time.Minute {
			fmt.Println(c.Remote, "has been there for", c.Age)
		}
	}
	// Output: 192.0.2.1:5000 has been there for 1h0m0s
}
