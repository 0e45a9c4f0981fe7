package semaphore_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belay-go/belay/limiter/semaphore"
)

// Memory is the scarce thing here, so a job weighs what it needs of it.
func ExampleWeighted() {
	const megabytes = 100
	memory := semaphore.NewWeighted(megabytes)

	var jobs sync.WaitGroup
	for _, needs := range []int64{60, 30, 70} {
		jobs.Go(func() {
			if err := memory.Acquire(context.Background(), needs); err != nil {
				return
			}
			defer memory.Release(needs)
			// The images are decoded here.
		})
	}
	jobs.Wait()
	fmt.Println("most at once:", memory.Stats().Limit, "MB; in all:", memory.Stats().Total, "MB")
	// Output: most at once: 100 MB; in all: 160 MB
}

// A semaphore may belong to a whole package: it needs no clean-up.
func ExampleNewWeighted() {
	connections := semaphore.NewWeighted(2)
	fmt.Println(connections.TryAcquire(1), connections.TryAcquire(1), connections.TryAcquire(1))
	// Output: true true false
}

// A request waits for its turn no longer than its context lives.
func ExampleWeighted_Acquire() {
	database := semaphore.NewWeighted(1)
	if err := database.Acquire(context.Background(), 1); err != nil {
		return
	}
	defer database.Release(1)

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	switch err := database.Acquire(ctx, 1); err {
	case nil:
		defer database.Release(1)
	case context.DeadlineExceeded:
		fmt.Println("too busy, try again later")
	}
	// Output: too busy, try again later
}

// Work that can be done another time is dropped while there is no room.
func ExampleWeighted_TryAcquire() {
	workers := semaphore.NewWeighted(1)
	for _, page := range []string{"/a", "/b"} {
		if !workers.TryAcquire(1) {
			fmt.Println("not prefetched:", page)
			continue
		}
		fmt.Println("prefetching:", page) // releases when it is done
	}
	// Output:
	// prefetching: /a
	// not prefetched: /b
}

// Who holds all of it has waited for everyone else: a shutdown waits for the
// readers this way.
func ExampleWeighted_Release() {
	readers := semaphore.NewWeighted(8)
	for range 3 {
		readers.TryAcquire(1)
		go func() { // ends after its page is read
			defer readers.Release(1)
			time.Sleep(time.Millisecond)
		}()
	}
	if err := readers.Acquire(context.Background(), 8); err == nil {
		fmt.Println("all readers are done")
	}
	// Output: all readers are done
}

// A dashboard shows how busy a limit is, and how often it turned work away.
func ExampleWeighted_Stats() {
	uploads := semaphore.NewWeighted(4)
	uploads.TryAcquire(3)
	uploads.TryAcquire(3)
	s := uploads.Stats()
	fmt.Printf("%d of %d in flight, %d waiting, %d refused\n", s.InFlight, s.Limit, s.Waiting, s.Refused)
	// Output: 3 of 4 in flight, 0 waiting, 1 refused
}

// A request that can never be served is the client's mistake, and no reason
// to retry.
func ExampleErrTooLarge() {
	memory := semaphore.NewWeighted(100)
	err := memory.Acquire(context.Background(), 500)
	fmt.Println(errors.Is(err, semaphore.ErrTooLarge))
	fmt.Println(err)
	// Output:
	// true
	// limiter: request larger than the limit
}
