package rueidis_test

// This file shows how a client of rueidis becomes a store.

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/rueidis"

	belayredis "github.com/belay-go/belay/contrib/redis"
	belayrueidis "github.com/belay-go/belay/contrib/redis/rueidis"
)

func ExampleNew() {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer server.Close()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr()}, DisableCache: true, DisableRetry: true})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: belayredis.Fleet{Store: belayrueidis.New(client), Key: "logins", Timeout: time.Minute}, Limit: 0.1, Burst: 1,
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
