package belayredis_test

// This file shows both limits, on a Redis inside of the example.

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	o := belayredis.RateOptions{Fleet: belayredis.Fleet{Store: store, Key: "logins", Timeout: time.Minute}, Limit: 0.1, Burst: 3}
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
		Fleet: belayredis.Fleet{Store: store, Key: "exports", Timeout: time.Minute}, Size: 2,
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

// exampleFleet is how every machine would describe the limit of this name.
func exampleFleet(store belayredis.Store, key string) belayredis.Fleet {
	return belayredis.Fleet{Store: store, Key: key, Timeout: time.Minute, Logger: quiet}
}

func exampleRate(store belayredis.Store) *belayredis.Rate {
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{Fleet: exampleFleet(store, "mails"), Limit: 0.1, Burst: 2})
	if err != nil {
		panic(err)
	}
	return limit
}

func exampleSemaphore(store belayredis.Store) *belayredis.Semaphore {
	limit, err := belayredis.NewSemaphore(context.Background(), belayredis.SemaphoreOptions{Fleet: exampleFleet(store, "exports"), Size: 1})
	if err != nil {
		panic(err)
	}
	return limit
}

func ExampleNewRate() {
	store, done := exampleStore()
	defer done()
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{Fleet: exampleFleet(store, "mails"), Limit: 100, Burst: 50})
	fmt.Println(err, limit.State().Mode)
	// Output: <nil> shared
}

// With a lease, ninety-nine calls of a hundred need no round trip.
func ExampleRateOptions() {
	store, done := exampleStore()
	defer done()
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: exampleFleet(store, "queries"), Limit: 100_000, Burst: 10_000, Lease: 100,
	})
	if err != nil {
		panic(err)
	}
	before := limit.State().Trips
	for range 100 {
		if _, err := limit.TryTake(1); err != nil {
			panic(err)
		}
	}
	fmt.Println(limit.State().Trips-before < 10)
	// Output: true
}

func ExampleRate() {
	store, done := exampleStore()
	defer done()
	var limit limiter.Limiter = exampleRate(store) // for middleware, All, Shadow
	_, err := limit.TryTake(1)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleRate_Take() {
	store, done := exampleStore()
	defer done()
	limit := exampleRate(store)
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for range 3 {
		_, err := limit.Take(soon, 1) // the third would be ten seconds away: it is not begun
		fmt.Println(err == nil, errors.Is(err, limiter.ErrTooLate))
	}
	// Output:
	// true false
	// true false
	// false true
}

func ExampleRate_TryTake() {
	store, done := exampleStore()
	defer done()
	_, err := exampleRate(store).TryTake(3)
	fmt.Println(err)
	// Output: limiter: request larger than the limit
}

func ExampleRate_Stats() {
	store, done := exampleStore()
	defer done()
	limit := exampleRate(store)
	for range 3 {
		_, _ = limit.TryTake(1)
	}
	stats := limit.Stats() // of this process
	fmt.Println(stats.Total, stats.Refused)
	// Output: 2 1
}

func ExampleRate_Limit() {
	store, done := exampleStore()
	defer done()
	fmt.Println(exampleRate(store).Limit(), "a second, by all together")
	// Output: 0.1 a second, by all together
}

func ExampleRate_Burst() {
	store, done := exampleStore()
	defer done()
	fmt.Println(exampleRate(store).Burst(), "at once, by all together")
	// Output: 2 at once, by all together
}

func ExampleSemaphore() {
	store, done := exampleStore()
	defer done()
	here, there := exampleSemaphore(store), exampleSemaphore(store) // on two machines
	permit, _ := here.TryTake(1)
	_, err := there.TryTake(1)
	fmt.Println(errors.Is(err, limiter.ErrFull))
	permit.Release()
	// Output: true
}

func ExampleSemaphoreOptions() {
	store, done := exampleStore()
	defer done()
	o := belayredis.SemaphoreOptions{Fleet: exampleFleet(store, "exports"), Size: 5}
	o.MemberTTL = 30 * time.Second // how long the places of a machine that crashed stay away
	limit, err := belayredis.NewSemaphore(context.Background(), o)
	fmt.Println(limit.Size(), err)
	// Output: 5 <nil>
}

func ExampleSemaphore_Take() {
	store, done := exampleStore()
	defer done()
	limit := exampleSemaphore(store)
	first, _ := limit.Take(context.Background(), 1)
	time.AfterFunc(time.Millisecond, first.Release)
	second, err := limit.Take(context.Background(), 1) // waits for the first
	fmt.Println(err)
	second.Release()
	// Output: <nil>
}

func ExampleSemaphore_TryTake() {
	store, done := exampleStore()
	defer done()
	limit := exampleSemaphore(store)
	permit, err := limit.TryTake(1)
	defer permit.Release()
	fmt.Println(err)
	// Output: <nil>
}

func ExampleSemaphore_Stats() {
	store, done := exampleStore()
	defer done()
	limit := exampleSemaphore(store)
	permit, _ := limit.TryTake(1)
	fmt.Println(limit.Stats().InFlight, "held by this process")
	permit.Release()
	// Output: 1 held by this process
}

func ExampleSemaphore_Size() {
	store, done := exampleStore()
	defer done()
	fmt.Println(exampleSemaphore(store).Size())
	// Output: 1
}

// For a gauge: 0 while the fleet shares the limit, 1 while this process lives on its
// share.
func ExampleState() {
	store, done := exampleStore()
	defer done()
	var state belayredis.State = exampleRate(store).State()
	fmt.Println(int(state.Mode), state.Members, state.LastErr)
	// Output: 0 1 <nil>
}

// What the collectors show as levels: here a limit that is shared, by one process.
func ExampleState_Gauges() {
	store, done := exampleStore()
	defer done()
	local, members, _, leased := exampleRate(store).State().Gauges()
	fmt.Println(local, members, leased)
	// Output: false 1 0
}

func ExampleState_Counters() {
	store, done := exampleStore()
	defer done()
	changes, trips, failures, refused := exampleRate(store).State().Counters()
	fmt.Println(changes, trips, failures, refused)
	// Output: 0 1 0 0
}

// A status page says on what a limit's verdicts rest.
func ExampleRate_State() {
	store, done := exampleStore()
	defer done()
	state := exampleRate(store).State()
	fmt.Println(state.Mode, "by", state.Members)
	// Output: shared by 1
}

func ExampleSemaphore_State() {
	store, done := exampleStore()
	defer done()
	state := exampleSemaphore(store).State()
	fmt.Println(state.Mode, "by", state.Members, "share", state.Share)
	// Output: shared by 1 share 1
}

func ExampleMode() {
	for _, mode := range []belayredis.Mode{belayredis.Shared, belayredis.Local} {
		fmt.Println(int(mode), mode)
	}
	// Output:
	// 0 shared
	// 1 local
}

func ExampleMode_String() {
	fmt.Println(belayredis.Local.String())
	// Output: local
}

// A service that would rather serve without a limit than not at all.
func ExampleUnseen() {
	fleet := exampleFleet(away{}, "logins")
	fleet.Unseen = belayredis.FailOpen
	limit, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{Fleet: fleet, Limit: 1, Burst: 1})
	fmt.Println(err, limit.State().Mode)
	for range 2 {
		_, err = limit.TryTake(1)
		fmt.Println(err)
	}
	// Output:
	// <nil> local
	// <nil>
	// <nil>
}

// away is a Redis that nobody reaches.
type away struct{}

func (away) Eval(context.Context, *belayredis.Script, []string, []string) ([]int64, error) {
	return nil, errors.New("no route to host")
}

// What another client has to do.
func ExampleStore() {
	var store belayredis.Store = away{}
	_, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{Fleet: exampleFleet(store, "logins"), Limit: 1, Burst: 1})
	fmt.Println(errors.Is(err, belayredis.ErrNeverReached))
	// Output: true
}

func ExampleStore_Eval() {
	_, err := away{}.Eval(context.Background(), &belayredis.Script{}, nil, nil)
	fmt.Println(err)
	// Output: no route to host
}

// counting is a Store that says which scripts it runs.
type counting struct{ belayredis.Store }

func (c counting) Eval(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
	fmt.Println(len(script.SHA), len(script.Text) > 0)
	return c.Store.Eval(ctx, script, keys, args)
}

func ExampleScript() {
	store, done := exampleStore()
	defer done()
	exampleRate(counting{store})
	// Output: 40 true
}
