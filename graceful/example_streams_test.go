package graceful_test

// Long answers and the end of main.

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/belay-go/belay/graceful"
)

// The stream handlers of a gRPC server get contexts that the manager never saw.
// An interceptor gives them its drain signal; without it, a stream that waits
// for its client holds the stop until it is cut.
func ExampleManager_WithDraining() {
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	// With gRPC: grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, ...) error {
	//	return handler(srv, &stream{ss, m.WithDraining(ss.Context(), "grpc")})
	// })
	watch := func(ctx context.Context) {
		select {
		case <-graceful.Draining(ctx):
			fmt.Println("the last message of the stream")
		case <-ctx.Done():
			fmt.Println("cut")
		}
	}
	m.Add(1, graceful.Func("grpc", func(_ context.Context, ready func()) error {
		ready()
		watch(m.WithDraining(context.Background(), "grpc"))
		return nil
	}))
	m.Add(2, graceful.Component{Name: "stop", Start: func(context.Context) error { m.Stop(nil); return nil }})
	_, _ = m.Run(context.Background())
	// Output: the last message of the stream
}

// An os.Exit in the middle of main skips what was deferred, and a main that
// just returns exits with 0 whatever has happened. So the code is returned, and
// os.Exit is the last thing of all.
func ExampleManager_Main() {
	run := func() int {
		defer fmt.Println("what was deferred")
		m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
		m.Add(1, graceful.Func("worker", func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			return nil
		}))
		m.Add(2, graceful.Component{Name: "stop", Start: func(context.Context) error {
			m.Stop(nil) // a signal, usually
			return nil
		}})
		return m.Main(context.Background())
	}
	fmt.Println("exit code", run()) // os.Exit(run())
	// Output:
	// what was deferred
	// exit code 0
}
