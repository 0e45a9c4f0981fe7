package goredis_test

// This file shows how a client of go-redis becomes a store.

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
)

func ExampleNew() {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	defer client.Close()
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: belayredis.Fleet{Store: goredis.New(client), Key: "logins", Timeout: time.Minute}, Limit: 0.1, Burst: 1,
	})
	if err != nil {
		panic(err)
	}
	for range 2 {
		_, err := limit.TryTake(1)
		fmt.Println(err == nil)
	}
	// Output:
	// true
	// false
}
