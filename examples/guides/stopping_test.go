package guides_test

// This file has the code of docs/stopping.md.

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/belay-go/belay/graceful"
)

// quiet is for managers that stop themselves and leave the signals alone.
var quiet = graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"}

func Example_stopping_order() {
	db := graceful.Component{Name: "db", Stop: func(context.Context) error { return nil }}
	consume := func(ctx context.Context, ready func()) error { ready(); <-ctx.Done(); return nil }
	handler := http.NotFoundHandler()
	stopNow := func(m *graceful.Manager) { go m.Stop(nil) }

	m := graceful.New(graceful.Options{Budget: 25 * time.Second})
	m.Add(0, graceful.Func("telemetry", consume)) // last to stop
	m.Add(1, db)
	m.Add(2, graceful.Func("consumer", consume))
	m.Add(3, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}))
	stopNow(m)
	report, err := m.Run(context.Background())
	fmt.Println(err, report.ExitCode())
	// Output:
	// <nil> 0
}

func Example_stopping_draining() {
	events := func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case <-graceful.Draining(r.Context()):
				fmt.Fprint(w, "event: bye\n\n") // the client connects again, to another process
				return
			case <-r.Context().Done():
				return
			case <-time.After(time.Second):
				fmt.Fprint(w, "data: still here\n\n")
			}
		}
	}
	m := graceful.New(quiet)
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(events)}))
	go m.Stop(nil)
	_, err := m.Run(context.Background())
	fmt.Println(err)
	// Output:
	// <nil>
}

func Example_stopping_report() {
	release := make(chan struct{})
	defer close(release)
	ctx, stop := context.WithCancel(context.Background())
	o := quiet
	o.Budget = 500 * time.Millisecond
	o.OnReady = stop

	m := graceful.New(o)
	m.Add(1, graceful.Component{Name: "consumer", Stop: func(context.Context) error { <-release; return nil }})
	report, _ := m.Run(ctx)
	for _, c := range report.Components {
		fmt.Println(c.Name, c.Outcome, c.Where != "") // Where is the function and the line
	}
	// Output:
	// consumer stuck true
}
