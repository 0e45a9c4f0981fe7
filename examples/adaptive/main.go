// Adaptive puts a limit that finds itself in front of a server that can do eight
// things at a time, asked for by sixty-four clients at once. Nobody tells it that
// number.
//
// Look at the times: without the limit all wait in the server's own queue, with it
// who is served is served soon, and who isn't is told so and when to come back.
//
// It prints:
//
//	without a limit: ... served, each in ...ms
//	with one:        ... served, each in ...ms, ... in flight
//	others were told when to come back: true
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

const alone = 4 * time.Millisecond // what a request takes

// server is anything that has workers, or cores, or connections to a database.
type server struct{ workers chan struct{} }

func (s *server) handle() {
	s.workers <- struct{}{} // its queue
	time.Sleep(alone)
	<-s.workers
}

// load has 64 clients ask for a while, one request after another, and returns how
// many were served, in what time (the median of the second half), and how many
// were refused with a time to come back after.
func load(s *server, limit limiter.Limiter) (served int, median time.Duration, refused int) {
	const d = 700 * time.Millisecond
	var mu sync.Mutex
	var wg sync.WaitGroup
	var times []time.Duration
	began := time.Now()
	for range 64 {
		wg.Go(func() {
			for time.Since(began) < d {
				permit, err := limit.Take(context.Background(), 1)
				if err != nil {
					why, ok := errors.AsType[*limiter.RefusedError](err)
					mu.Lock()
					if ok && why.RetryAfter > 0 {
						refused++
					}
					mu.Unlock()
					time.Sleep(alone) // a good client heeds why.RetryAfter
					continue
				}
				start := time.Now()
				s.handle()
				permit.Release() // says that the work is done: what the limit learns from
				mu.Lock()
				served++
				if start.Sub(began) > d/2 {
					times = append(times, time.Since(start))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(times)
	return served, times[len(times)/2], refused
}

func main() {
	s := &server{make(chan struct{}, 8)}
	served, median, _ := load(s, limiter.All()) // a limit of nothing
	fmt.Printf("without a limit: %d served, each in %dms\n", served, median.Milliseconds())

	limit := adaptive.New(adaptive.Options{Wait: alone}) // wait in front, but not for longer
	served, median, refused := load(s, limit)
	fmt.Printf("with one:        %d served, each in %dms, %d in flight\n",
		served, median.Milliseconds(), limit.State().Limit)
	fmt.Println("others were told when to come back:", refused > 0)
}
