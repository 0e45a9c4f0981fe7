package graceful_test

// What programs have already, as components: the shapes of methods that most
// libraries and most main packages have come to.

import (
	"context"
	"fmt"
	"net/http"

	"github.com/belay-go/belay/graceful"
)

// index has the shape of most clients, schedulers and caches.
type index struct{ name string }

func (x *index) Start(context.Context) error { fmt.Println("open", x.name); return nil }
func (x *index) Stop(context.Context) error  { fmt.Println("close", x.name); return nil }

// What has Start and Stop with a context fits by its method values. Those of
// one phase start at the same time, so what needs another has a higher phase.
func ExampleComponent_startStop() {
	m := graceful.New(examples)
	words, books := &index{"words"}, &index{"books"}
	m.Add(1, graceful.Component{Name: "words", Start: words.Start, Stop: words.Stop})
	m.Add(2, graceful.Component{Name: "books", Start: books.Start, Stop: books.Stop})
	m.Add(3, graceful.Component{Name: "stop", Start: func(context.Context) error { m.Stop(nil); return nil }})
	m.Run(context.Background())
	// Output:
	// open words
	// open books
	// close books
	// close words
}

// relay has the shape of what an errgroup or a run.Group was given before.
type relay struct{ batches chan int }

func (r *relay) Run(ctx context.Context) error {
	for {
		select {
		case n := <-r.batches:
			fmt.Println("relayed", n)
		case <-ctx.Done():
			return ctx.Err() // no failure: this is what it was asked for
		}
	}
}

// What only has Run with a context says nothing of being ready, so somebody has
// to say it. Its context ends when its own stop begins: what is above it has
// stopped by then, and what is below it still works.
func ExampleFunc_runContext() {
	m := graceful.New(examples)
	r := &relay{make(chan int)}
	m.Add(1, graceful.Func("relay", func(ctx context.Context, ready func()) error {
		ready()
		return r.Run(ctx)
	}))
	m.Add(2, graceful.Component{
		Name:  "source",
		Start: func(context.Context) error { m.Stop(nil); return nil },
		Stop:  func(context.Context) error { r.batches <- 7; return nil }, // its last one still gets through
	})
	report, err := m.Run(context.Background())
	fmt.Println(err, report.ExitCode())
	// Output:
	// relayed 7
	// <nil> 0
}

// job ends by itself, and is not to end the process.
type job struct{}

func (job) Run(context.Context) error { fmt.Println("caches are warm"); return nil }

// What ends by itself is a failure unless MayEnd says otherwise.
func ExampleComponent_mayEnd() {
	m := graceful.New(examples)
	done := make(chan struct{})
	m.Add(1, graceful.Component{Name: "warm-up", MayEnd: true, Run: func(ctx context.Context, ready func()) error {
		defer close(done)
		ready()
		return job{}.Run(ctx)
	}})
	m.Add(2, graceful.Func("server", func(ctx context.Context, ready func()) error {
		ready()
		<-done
		m.Stop(nil)
		<-ctx.Done()
		return nil
	}))
	report, err := m.Run(context.Background())
	fmt.Println(err, report.ExitCode())
	// Output:
	// caches are warm
	// <nil> 0
}

// Two servers for others, and one for those who run the process: it comes up
// first and goes last, so that the probes have an answer all the while.
func ExampleHTTP_admin() {
	m := graceful.New(examples)
	admin := http.NewServeMux()
	admin.HandleFunc("/livez", m.Livez)
	admin.HandleFunc("/readyz", m.Readyz)
	probe := func(context.Context) error {
		for _, path := range []string{"/livez", "/readyz"} {
			resp, err := http.Get("http://" + m.Addr("admin").String() + path)
			if err != nil {
				return err
			}
			resp.Body.Close()
			fmt.Println(path, resp.StatusCode)
		}
		return nil
	}
	m.Add(0, graceful.HTTP("admin", "127.0.0.1:0", &http.Server{Handler: admin}))
	m.Add(1, graceful.Component{Name: "kubelet", Stop: probe}) // after the servers have stopped
	m.Add(2,
		graceful.HTTP("public", "127.0.0.1:0", &http.Server{Handler: http.NotFoundHandler()}),
		graceful.HTTP("partners", "127.0.0.1:0", &http.Server{Handler: http.NotFoundHandler()}))
	m.Add(3, graceful.Component{Name: "stop", Start: func(context.Context) error { m.Stop(nil); return nil }})
	_, err := m.Run(context.Background())
	fmt.Println(err)
	// Output:
	// /livez 200
	// /readyz 503
	// <nil>
}
