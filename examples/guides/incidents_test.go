package guides_test

// This file has the code of docs/incidents.md.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func Example_incidents_resize() {
	places := semaphore.NewWeighted(200)
	perSecond := rate.NewLimiter(1000, 100)
	whole := adaptive.New(adaptive.Options{})
	var group errgroup.Group

	places.Resize(100)      // who holds more keeps it; nobody new until it has gone down
	perSecond.SetLimit(500) // who waits moves at once
	whole.SetMax(300)       // a ceiling; it goes on finding its own limit below
	group.Resize(8)         // tasks that run end; fewer begin
	fmt.Println(places.Stats().Limit, perSecond.Limit(), whole.Stats().Limit <= 300, group.Stats().Limit)
	// Output:
	// 100 500 true 8
}

func Example_incidents_shadow() {
	work := func() {}

	limit := limiter.Shadow(rate.NewLimiter(100, 1))
	for range 3 {
		permit, err := limit.TryTake(1) // as if it were the limit
		if err != nil {
			return
		}
		work()
		permit.Release()
	}
	fmt.Println(limit.Stats().Refused, limit.Enforcing()) // so many it would have refused
	limit.Enforce(true)                                   // and back, if it was a mistake
	// Output:
	// 2 false
}

func Example_incidents_watch() {
	ctx := context.Background()

	limit := limiter.Watch(semaphore.NewWeighted(10))
	limit.Track(true) // from now on each Take notes its stack: turn it off afterwards
	permit, err := limit.Take(ctx, 1)
	if err != nil {
		return
	}
	for _, h := range limit.Holders() {
		fmt.Println(h.Units, h.Age < time.Hour, h.Stack != "") // the oldest are the suspects
	}
	permit.Release()
	// Output:
	// 1 true true
}

func Example_incidents_refusal() {
	limit := rate.NewLimiter(rate.Every(time.Minute), 1)
	_, _ = limit.TryTake(1)

	_, err := limit.TryTake(1)
	var refused *limiter.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(errors.Is(err, limiter.ErrLimited), refused.RetryAfter > 0)
	}
	// Output:
	// true true
}
