// Graceful starts a pool, a consumer and a server in that order, and stops them the
// other way round. A request that is in flight is answered; the consumer hangs, for
// it was never tried with a broker that is down, and the report says at which line.
//
// Look at the last lines on stderr as well: they are in the log at every quarter of
// the budget, so before anybody kills the process.
//
// It prints and exits with code 3:
//
//	start db
//	start consumer
//	stop  db
//	in flight at the stop: 200 done
//	http      stopped
//	consumer  stuck    chan send, 1 goroutine, main.(*consumer).flush ...main.go:...
//	db        stopped
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/belay-go/belay/graceful"
)

type consumer struct{ broker chan string }

// run is the component: it says when it is up, and ends when ctx does.
func (c *consumer) run(ctx context.Context, ready func()) error {
	fmt.Println("start consumer")
	ready()
	for {
		select {
		case <-time.After(time.Second):
			c.flush()
		case <-ctx.Done(): // its turn to stop has come
			c.flush()
			return nil
		}
	}
}

// flush knows nothing of ctx: that is the bug.
func (c *consumer) flush() {
	c.broker <- "what I have so far"
}

func main() {
	begun := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/order", func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		time.Sleep(100 * time.Millisecond)
		io.WriteString(w, "done")
	})

	var m *graceful.Manager
	answer := make(chan string, 1)
	m = graceful.New(graceful.Options{
		Budget: 1200 * time.Millisecond, // 25 s, if you say nothing
		OnReady: func() {
			go func() { answer <- order("http://" + m.Addr("http").String()) }()
			go func() { <-begun; m.Stop(errors.New("a deploy")) }() // or SIGTERM
		},
	})
	mux.HandleFunc("/readyz", m.Readyz)
	m.Add(0, graceful.Component{
		Name:  "db",
		Start: func(context.Context) error { fmt.Println("start db"); return nil },
		Stop:  func(context.Context) error { fmt.Println("stop  db"); return nil },
	})
	m.Add(1, graceful.Func("consumer", (&consumer{make(chan string)}).run))
	m.Add(2, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}))

	report, _ := m.Run(context.Background()) // the error is in the report, too
	fmt.Println("in flight at the stop:", <-answer)
	for _, c := range report.Components {
		fmt.Println(strings.TrimSpace(fmt.Sprintf("%-9s %-8s %s", c.Name, c.Outcome, c.Where)))
	}
	os.Exit(report.ExitCode()) // m.Main(ctx) prints the whole report, and returns this
}

func order(url string) string {
	resp, err := http.Post(url+"/order", "", nil)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", string(body))
}
