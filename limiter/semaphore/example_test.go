package semaphore_test

// This file shows what each exported name is for.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belay-go/belay/limiter"
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

// Whoever would have to wait behind too many others is better told at once.
func ExampleNew() {
	reports := semaphore.New(semaphore.Options{Size: 2, Queue: -1})
	for range 3 {
		if err := reports.Acquire(context.Background(), 1); errors.Is(err, limiter.ErrFull) {
			fmt.Println("503, try again later")
			continue
		}
		fmt.Println("200, here is the report")
	}
	// Output:
	// 200, here is the report
	// 200, here is the report
	// 503, try again later
}

// How long calls waited says whether a limit is too small, better than how many
// wait at the moment.
func ExampleOptions() {
	database := semaphore.New(semaphore.Options{Size: 1, Queue: 100, WaitTime: true})
	if err := database.Acquire(context.Background(), 1); err != nil {
		return
	}
	go func() { // ends after its query, during which somebody comes
		defer database.Release(1)
		for database.Stats().Waiting == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(5 * time.Millisecond)
	}()
	if err := database.Acquire(context.Background(), 1); err != nil {
		return
	}
	defer database.Release(1)

	s := database.Stats()
	fmt.Println(s.Waited, "waited;", s.WaitTime.Sum >= time.Millisecond)
	// Output: 1 waited; true
}

// A permit may be released early, and by a defer all the same; units that turn
// out not to be needed go back before.
func ExampleWeighted_Take() {
	memory := semaphore.NewWeighted(100)
	permit, err := memory.Take(context.Background(), 80) // an estimate
	if err != nil {
		return
	}
	defer permit.Release()

	permit.Settle(30) // it is less
	fmt.Println(memory.Stats().InFlight)
	permit.Release()
	fmt.Println(memory.Stats().InFlight)
	// Output:
	// 30
	// 0
}

// The error says why there was no permit.
func ExampleWeighted_TryTake() {
	memory := semaphore.NewWeighted(100)
	for _, needs := range []int64{70, 70, 700} {
		permit, err := memory.TryTake(needs)
		if err != nil {
			fmt.Println(err)
			continue
		}
		defer permit.Release()
		fmt.Println("go on")
	}
	// Output:
	// go on
	// limiter: no room
	// limiter: request larger than the limit
}

// A batch is as large as there is room for.
func ExampleWeighted_TryAcquireUpTo() {
	connections := semaphore.NewWeighted(8)
	connections.TryAcquire(5) // by others

	messages := []string{"a", "b", "c", "d"}
	n := connections.TryAcquireUpTo(int64(len(messages)))
	defer connections.Release(n)
	fmt.Println("sending", messages[:n], "now, and later", messages[n:])
	// Output: sending [a b c] now, and later [d]
}

// A limit follows the machine, or an operator, while requests are in flight.
func ExampleWeighted_Resize() {
	workers := semaphore.NewWeighted(4)
	workers.TryAcquire(4)

	workers.Resize(3) // those four go on
	fmt.Println(workers.TryAcquire(1))
	workers.Release(2)
	fmt.Println(workers.TryAcquire(1))
	s := workers.Stats()
	fmt.Println(s.InFlight, "of", s.Limit)
	// Output:
	// false
	// true
	// 3 of 3
}

// Clients can be told how much is left.
func ExampleWeighted_Quota() {
	exports := semaphore.NewWeighted(5)
	exports.TryAcquire(2)
	limit, remaining, _, _ := exports.Quota()
	fmt.Printf("%d of %d left\n", remaining, limit)
	// Output: 3 of 5 left
}

// Who holds one semaphore while waiting for another takes them in one order
// everywhere, or two such calls may wait for each other for ever.
func ExampleWeighted_Rank() {
	transfer := func(from, to *semaphore.Weighted) {
		accounts := []*semaphore.Weighted{from, to}
		slices.SortFunc(accounts, func(a, b *semaphore.Weighted) int { return cmp.Compare(a.Rank(), b.Rank()) })
		for _, account := range accounts {
			if err := account.Acquire(context.Background(), 1); err != nil {
				return
			}
			defer account.Release(1)
		}
	}
	yours, mine := semaphore.NewWeighted(1), semaphore.NewWeighted(1)
	var both sync.WaitGroup
	both.Go(func() { transfer(yours, mine) })
	both.Go(func() { transfer(mine, yours) })
	both.Wait()
	fmt.Println("done")
	// Output: done
}
