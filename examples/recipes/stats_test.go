package recipes_test

// What expvar and slog show.

import (
	"expvar"
	"fmt"
	"log/slog"
	"os"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/examples/recipes"
	"github.com/belay-go/belay/limiter/semaphore"
)

func ExampleExpvar() {
	sem := semaphore.NewWeighted(8)
	recipes.Expvar("limits", map[string]func() belay.Stats{"requests": sem.Stats})
	sem.TryAcquire(3)
	fmt.Println(expvar.Get("limits").String()[:63])
	// Output: {"requests":{"Limit":8,"InFlight":3,"Waiting":0,"Total":3,"Wait
}

func ExampleLogged() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	sem := semaphore.NewWeighted(2)
	sem.TryAcquire(2)
	sem.TryAcquire(1)
	log.Warn("too many requests", "requests", recipes.Logged(sem.Stats()))
	log.Warn("no limit", "group", recipes.Logged(belay.Stats{Limit: -1, Total: 7, Failed: 1}))
	// Output:
	// level=WARN msg="too many requests" requests.limit=2 requests.in_flight=2 requests.waiting=0 requests.total=2 requests.refused=1
	// level=WARN msg="no limit" group.in_flight=0 group.waiting=0 group.total=7 group.failed=1
}
