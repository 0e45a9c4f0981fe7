package belayredis_test

// This file shows both limits, on a Redis inside of the example.

import (
	"context"
	"errors"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
	"github.com/belay-go/belay/limiter"
)

func exampleStore() (belayredis.Store, func()) {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		panic(err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	return goredis.New(client), func() { _ = client.Close(); server.Close() }
}

// Two machines share a limit on logins; each could have its own process.
func Example() {
	store, done := exampleStore()
	defer done()
	o := belayredis.RateOptions{Fleet: belayredis.Fleet{Store: store, Key: "logins"}, Limit: 0.1, Burst: 3}
	one, err := belayredis.NewRate(context.Background(), o)
	if err != nil {
		panic(err)
	}
	two, err := belayredis.NewRate(context.Background(), o)
	if err != nil {
		panic(err)
	}
	for _, machine := range []*belayredis.Rate{one, two, one, two} {
		_, err := machine.TryTake(1)
		fmt.Println(err == nil, errors.Is(err, limiter.ErrLimited))
	}
	// Output:
	// true false
	// true false
	// true false
	// false true
}

// No more than two exports run at once, on however many machines. If one crashes,
// its place is free after MemberTTL.
func ExampleNewSemaphore() {
	store, done := exampleStore()
	defer done()
	ctx := context.Background()
	exports, err := belayredis.NewSemaphore(ctx, belayredis.SemaphoreOptions{
		Fleet: belayredis.Fleet{Store: store, Key: "exports"}, Size: 2,
	})
	if err != nil {
		panic(err)
	}
	first, _ := exports.TryTake(1)
	second, _ := exports.TryTake(1)
	_, err = exports.TryTake(1)
	fmt.Println(err)
	first.Release()
	third, err := exports.Take(ctx, 1)
	fmt.Println(err, exports.Stats().InFlight, "of", exports.Size())
	second.Release()
	third.Release()
	// Output:
	// limiter: no room
	// <nil> 2 of 2
}

// A service that must start without Redis says how large its fleet is.
func ExampleFleet() {
	nobody := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1})
	defer nobody.Close()
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: belayredis.Fleet{Store: goredis.New(nobody), Key: "logins", Members: 4, Logger: quiet},
		Limit: 1000, Burst: 400,
	})
	state := limit.State()
	fmt.Println(err, state.Mode, state.Members)
	_, err = belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: belayredis.Fleet{Store: goredis.New(nobody), Key: "logins"}, Limit: 1000, Burst: 400,
	})
	fmt.Println(errors.Is(err, belayredis.ErrNeverReached))
	// Output:
	// <nil> local 4
	// true
}
