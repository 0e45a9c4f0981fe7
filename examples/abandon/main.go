// Abandon answers in time although a library of somebody else's takes no context
// and may hang; what is left behind is counted, bounded, and can be waited for.
// Run is for code that does look at its context, and leaves nothing behind.
//
// Look at the second lookup: its caller has an answer after 100 ms, and the result
// that comes later goes to OnLate, where it is of use after all.
//
// It prints:
//
//	192.0.2.1: Utrecht <nil>
//	192.0.2.2: "" context deadline exceeded: ctxutil: geo: timed out after ..., limit 100ms
//	192.0.2.3: "" timeout: too many abandoned calls are still running
//	at large: 1
//	late but cached: Lima
//	at large: 0, of 1 ever
//	query: context deadline exceeded: ctxutil: run: timed out after ..., limit 20ms, is a deadline: true
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

// library has no context, and hangs where a name server does.
func library(address string, hang <-chan struct{}) (string, error) {
	switch address {
	case "192.0.2.1":
		return "Utrecht", nil
	default:
		<-hang
		return "Lima", nil
	}
}

type place struct{ address, city string }

type locator struct {
	runner timeout.Runner
	cache  sync.Map // from address to city
	hang   chan struct{}
}

func newLocator() *locator {
	l := &locator{hang: make(chan struct{})}
	l.runner.Name = "geo"
	l.runner.MaxAbandoned = 1
	l.runner.OnLate = func(value any, err error) {
		if p, ok := value.(place); ok && err == nil {
			l.cache.Store(p.address, p.city)
		}
	}
	return l
}

func (l *locator) city(ctx context.Context, address string) (string, error) {
	// What f has found is returned and never assigned: the caller may have gone on.
	p, err := timeout.Abandon(&l.runner, ctx, 100*time.Millisecond, func(context.Context) (place, error) {
		city, err := library(address, l.hang)
		return place{address, city}, err
	})
	return p.city, err
}

// query looks at its context, as whatever takes one should.
func query(ctx context.Context) (int, error) {
	select {
	case <-time.After(time.Hour):
		return 1, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func main() {
	ctx := context.Background()
	l := newLocator()
	city, err := l.city(ctx, "192.0.2.1")
	fmt.Println("192.0.2.1:", city, err)
	for _, address := range []string{"192.0.2.2", "192.0.2.3"} {
		city, err := l.city(ctx, address)
		fmt.Printf("%s: %q %v\n", address, city, err)
	}
	fmt.Println("at large:", l.runner.Abandoned())

	close(l.hang) // it answers at last
	if err := l.runner.WaitContext(ctx); err != nil {
		fmt.Println(err)
	}
	late, _ := l.cache.Load("192.0.2.2")
	fmt.Println("late but cached:", late)
	fmt.Printf("at large: %d, of %d ever\n", l.runner.Abandoned(), l.runner.Stats().Total)

	_, err = timeout.Run(ctx, 20*time.Millisecond, query)
	fmt.Printf("query: %v, is a deadline: %v\n", err, errors.Is(err, context.DeadlineExceeded))
}
