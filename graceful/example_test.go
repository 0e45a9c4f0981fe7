package graceful_test

// Why one would want each call of the manager, by example. The managers of
// examples stop themselves, and leave the signals of the test alone.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/belay-go/belay/graceful"
)

// examples is what a program would leave at its defaults, and a test should not.
var examples = graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"}

// A main function in full: what is started last is stopped first.
func Example() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{
		Name:  "db",
		Start: func(context.Context) error { fmt.Println("open db"); return nil },
		Stop:  func(context.Context) error { fmt.Println("close db"); return nil },
	})
	m.Add(1, graceful.Func("consumer", func(ctx context.Context, ready func()) error {
		ready()
		fmt.Println("consume")
		m.Stop(nil) // a program would wait for SIGTERM here
		<-ctx.Done()
		fmt.Println("last message done")
		return nil
	}))
	report, err := m.Run(context.Background())
	fmt.Println(err, report.ExitCode()) // and end with os.Exit(report.ExitCode())
	// Output:
	// open db
	// consume
	// last message done
	// close db
	// <nil> 0
}

func ExampleNew() {
	m := graceful.New(graceful.Options{})
	fmt.Println(m.State())
	// Output: new
}

func ExampleOptions() {
	m := graceful.New(graceful.Options{
		Budget:  10 * time.Second, // the pod's grace of 12 s, less 2 s
		Signals: []os.Signal{syscall.SIGTERM},
		Logger:  slog.New(slog.DiscardHandler),
	})
	m.Stop(nil)
	report, _ := m.Run(context.Background())
	fmt.Println(report.Budget)
	// Output: 10s
}

func ExampleManager() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "first", Start: func(context.Context) error { fmt.Println("first"); return nil }})
	m.Add(5, graceful.Component{Name: "second", Start: func(context.Context) error { fmt.Println("second"); m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output:
	// first
	// second
}

func ExampleManager_Add() {
	m := graceful.New(examples)
	say := func(text string) func(context.Context) error {
		return func(context.Context) error { fmt.Println(text); return nil }
	}
	m.Add(0, graceful.Component{Name: "telemetry", Stop: say("flush telemetry last")})
	m.Add(1, graceful.Component{Name: "cache", Stop: say("close cache first"), Start: func(context.Context) error { m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output:
	// close cache first
	// flush telemetry last
}

// The context's end begins the stop too; it does not cut it short.
func ExampleManager_Run() {
	ctx, cancel := context.WithCancelCause(context.Background())
	m := graceful.New(examples)
	m.Add(0, graceful.Func("worker", func(ctx context.Context, ready func()) error {
		ready()
		cancel(errors.New("the deployment is over"))
		<-ctx.Done()
		return nil
	}))
	report, err := m.Run(ctx)
	fmt.Println(report.Cause, err)
	// Output: the deployment is over <nil>
}

func ExampleManager_Stop() {
	m := graceful.New(examples)
	m.Add(0, graceful.Func("worker", func(ctx context.Context, ready func()) error {
		ready()
		m.Stop(errors.New("the work is done")) // returns at once: no deadlock
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
		return nil
	}))
	m.Run(context.Background())
	// Output: the work is done
}

func ExampleManager_State() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{
		Name:  "c",
		Start: func(context.Context) error { fmt.Println(m.State()); m.Stop(nil); return nil },
		Stop:  func(context.Context) error { fmt.Println(m.State()); return nil },
	})
	m.Run(context.Background())
	fmt.Println(m.State())
	// Output:
	// starting
	// stopping
	// done
}
