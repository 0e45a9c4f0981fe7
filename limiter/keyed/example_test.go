package keyed_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

// Each client has a rate of its own, however many there are.
func ExampleRate() {
	clients := keyed.NewRate[string](keyed.RateOptions{Keys: 100_000, Limit: 10, Burst: 2})
	for _, client := range []string{"alice", "alice", "alice", "bob"} {
		fmt.Println(client, clients.For(client).Allow())
	}
	// Output:
	// alice true
	// alice true
	// alice false
	// bob true
}

// A key may be of any type that can be compared: an address needs no string.
func ExampleNewRate() {
	clients := keyed.NewRate[netip.Addr](keyed.RateOptions{Limit: 1, Burst: 1})
	addr := netip.MustParseAddr("192.0.2.1")
	fmt.Println(clients.For(addr).Allow(), clients.For(addr).Allow())
	// Output: true false
}

func ExampleRateOptions() {
	logins := keyed.NewRate[string](keyed.RateOptions{
		Keys:     1_000_000, // 38 MB, and not more under whatever flood
		Limit:    1.0 / 60,  // one a minute
		Burst:    5,
		Overflow: 100, // as many as a hundred users, for all who come when it is full
	})
	fmt.Println(logins.For("alice").Allow())
	// Output: true
}

// Middleware asks for a limiter by key.
func ExampleRate_For() {
	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 1, Burst: 1})
	limitOf := func(client string) limiter.Limiter { return clients.For(client) }

	_, err := limitOf("alice").TryTake(1)
	fmt.Println(err)
	_, err = limitOf("alice").TryTake(1)
	fmt.Println(errors.Is(err, limiter.ErrLimited))
	// Output:
	// <nil>
	// true
}

func ExampleRate_Stats() {
	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 1, Burst: 1})
	for range 3 {
		clients.For("alice").Allow()
	}
	stats := clients.Stats()
	fmt.Println(stats.Total, stats.Refused)
	// Output: 1 2
}

// Who floods with keys that are made up gets what one key gets.
func ExampleRate_Overflow() {
	clients := keyed.NewRate[int](keyed.RateOptions{Keys: 100, Limit: 0.001, Burst: 10})
	for i := range 10_000 {
		clients.For(i).Allow()
	}
	fmt.Println(clients.Overflow().Total, clients.Overflow().Refused > 9000)
	// Output: 10 true
}

// What is done for one client many times is asked for once.
func ExampleRateKey() {
	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 1, Burst: 3})
	alice := clients.For("alice")
	fmt.Println(alice.Allow(), alice.Allow())
	// Output: true true
}

func ExampleRateKey_Allow() {
	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 1, Burst: 1})
	if !clients.For("alice").Allow() {
		fmt.Println("429")
	}
	// Output:
}

// What an answer of a language model costs is known only when it is there.
func ExampleRateKey_TryTake() {
	tokens := keyed.NewRate[string](keyed.RateOptions{Limit: 0.001, Burst: 1000})
	permit, err := tokens.For("tenant").TryTake(200) // an estimate
	if err != nil {
		fmt.Println(err)
		return
	}
	defer permit.Release()
	permit.Settle(350) // what it came to
	_, left, _, _ := tokens.For("tenant").Quota()
	fmt.Println(left, "left")
	// Output: 650 left
}

func ExampleRateKey_Take() {
	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 1.0 / 3600, Burst: 1})
	clients.For("alice").Allow()

	soon, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := clients.For("alice").Take(soon, 1) // fails at once: the next is an hour away
	fmt.Println(errors.Is(err, limiter.ErrTooLate))
	// Output: true
}

func ExampleRateKey_Quota() {
	clients := keyed.NewRate[string](keyed.RateOptions{Limit: 0.01, Burst: 10})
	clients.For("alice").Allow()
	limit, remaining, window, _ := clients.For("alice").Quota()
	fmt.Println(limit, remaining, window)
	// Output: 10 9 16m40s
}

// Each client may have so many requests in flight.
func ExampleSemaphore() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 10_000, Size: 1})
	first, err := clients.For("alice").TryTake(1)
	fmt.Println(err)
	_, err = clients.For("alice").TryTake(1)
	fmt.Println(err)
	_, err = clients.For("bob").TryTake(1)
	fmt.Println(err)
	first.Release()
	// Output:
	// <nil>
	// limiter: no room
	// <nil>
}

func ExampleNewSemaphore() {
	uploads := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Size: 100 << 20}) // bytes for each user
	_, err := uploads.For(1).TryTake(200 << 20)
	fmt.Println(errors.Is(err, limiter.ErrTooLarge))
	// Output: true
}

// Something may be held of two keys at the same time, and no more.
func ExampleSemaphoreOptions() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 2, Size: 5})
	for _, client := range []string{"alice", "bob", "carol"} {
		_, err := clients.For(client).TryTake(1)
		fmt.Println(client, err)
	}
	// Output:
	// alice <nil>
	// bob <nil>
	// carol limiter: no room
}

func ExampleSemaphore_For() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 1})
	all := limiter.All(clients.For("alice"), clients.For("team a")) // both or none
	permit, err := all.TryTake(1)
	fmt.Println(err)
	permit.Release()
	// Output: <nil>
}

func ExampleSemaphore_Stats() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 100, Size: 2})
	_, _ = clients.For("alice").TryTake(2)
	stats := clients.Stats()
	fmt.Println(stats.InFlight, "of", stats.Limit)
	// Output: 2 of 200
}

func ExampleSemaphoreKey() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 1})
	alice := clients.For("alice")
	permit, _ := alice.TryTake(1)
	permit.Release()
	_, err := alice.TryTake(1)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleSemaphoreKey_TryTake() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 10})
	permit, _ := clients.For("alice").TryTake(10)
	permit.Settle(3) // the rest is not needed
	_, err := clients.For("alice").TryTake(7)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleSemaphoreKey_Take() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 1})
	permit, _ := clients.For("alice").TryTake(1)

	soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := clients.For("alice").Take(soon, 1)
	fmt.Println(err)
	permit.Release()
	// Output: context deadline exceeded
}

func ExampleSemaphoreKey_Quota() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 3})
	_, _ = clients.For("alice").TryTake(1)
	size, free, _, _ := clients.For("alice").Quota()
	fmt.Println(free, "of", size)
	// Output: 2 of 3
}

// Two calls that take from the same keys never wait for each other in a circle.
func ExampleSemaphoreKey_Rank() {
	clients := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 1})
	fmt.Println(clients.For("alice").Rank() == clients.For("alice").Rank(), clients.For("alice").Rank() == clients.For("bob").Rank())
	// Output: true false
}
