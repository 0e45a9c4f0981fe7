package graceful_test

// Why one would want the report, by example.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/belay-go/belay/graceful"
)

func ExampleReport() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "cache", Stop: func(context.Context) error { return errors.New("disk full") }})
	m.Add(1, graceful.Component{Name: "db", Start: func(context.Context) error { m.Stop(nil); return nil }})
	report, _ := m.Run(context.Background())
	for _, c := range report.Components {
		fmt.Println(c.Name, c.Outcome, c.Err)
	}
	// Output:
	// db stopped <nil>
	// cache failed graceful: cache: stop: disk full
}

// A handful of figures for a metric or a log line of one's own.
func ExampleResult() {
	r := graceful.Result{Name: "http", Outcome: "cut", Planned: 20 * time.Second, Used: 20 * time.Second}
	if r.Outcome == "cut" || r.Outcome == "stuck" {
		fmt.Printf("%s needs more than %v\n", r.Name, r.Planned)
	}
	// Output: http needs more than 20s
}

func ExampleReport_String() {
	report := graceful.Report{
		Cause:  &graceful.SignalError{Signal: syscall.SIGTERM},
		Ran:    time.Minute,
		Took:   3 * time.Second,
		Budget: 25 * time.Second,
		Components: []graceful.Result{
			{Name: "http", Phase: 1, Outcome: "stopped", Planned: 20 * time.Second, Used: 90 * time.Millisecond},
			{Name: "consumer", Outcome: "stuck", Planned: 3 * time.Second, Used: 3 * time.Second,
				Where: "chan send, 1 goroutine, main.(*consumer).flush shop/consumer.go:41"},
		},
	}
	fmt.Println(report)
	// Output:
	// stopped after 60.0 s: graceful: signal: terminated; took 3.0 s of 25.0 s
	//   http      stopped  90 ms of 20.0 s  phase 1
	//   consumer  STUCK    3.0 s of 3.0 s   phase 0
	//       chan send, 1 goroutine, main.(*consumer).flush shop/consumer.go:41
}

func ExampleReport_ExitCode() {
	clean := graceful.Report{Cause: &graceful.SignalError{Signal: syscall.SIGTERM}}
	hung := graceful.Report{Components: []graceful.Result{{Name: "consumer", Outcome: "stuck"}}}
	forced := graceful.Report{Forced: os.Interrupt}
	fmt.Println(clean.ExitCode(), hung.ExitCode(), forced.ExitCode())
	// Output: 0 3 130
}

func ExampleComponentError() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "db", Start: func(context.Context) error { return os.ErrPermission }})
	_, err := m.Run(context.Background())
	if failed, ok := errors.AsType[*graceful.ComponentError](err); ok {
		fmt.Println("page the owners of", failed.Name)
	}
	// Output: page the owners of db
}

func ExampleComponentError_Error() {
	err := &graceful.ComponentError{Name: "http", Stage: "bind", Err: syscall.EADDRINUSE}
	fmt.Println(err)
	// Output: graceful: http: bind: address already in use
}

func ExampleComponentError_Unwrap() {
	var err error = &graceful.ComponentError{Name: "http", Stage: "bind", Err: syscall.EADDRINUSE}
	fmt.Println(errors.Is(err, syscall.EADDRINUSE))
	// Output: true
}

func ExampleSignalError_Error() {
	fmt.Println(&graceful.SignalError{Signal: os.Interrupt, Again: true})
	// Output: graceful: forced by a second signal: interrupt
}
