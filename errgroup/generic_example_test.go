package errgroup_test

// This file shows why one would want ForEach, Map, Stream and First.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belay-go/belay/errgroup"
)

// Nothing is taken from the sequence once an item has failed: no loop has to
// look at the context.
func ExampleForEach() {
	naturals := func(yield func(int) bool) {
		for n := 0; yield(n); n++ {
		}
	}
	err := errgroup.ForEach(context.Background(), errgroup.Options{Limit: 3}, naturals,
		func(_ context.Context, n int) error {
			if n == 1000 {
				return errors.New("a thousand is enough")
			}
			return nil
		})
	fmt.Println(err)
	// Output: a thousand is enough
}

// Anything that can be ranged over can be worked on, keys of a map for example.
func ExampleForEach_map() {
	stock := map[string]int{"bolts": 3, "nuts": 5}
	err := errgroup.ForEach(context.Background(), errgroup.Options{Limit: 2}, maps.Keys(stock),
		func(_ context.Context, name string) error {
			if stock[name] > 4 {
				return fmt.Errorf("too many %s", name)
			}
			return nil
		})
	fmt.Println(err)
	// Output: too many nuts
}

func ExampleMap() {
	sizes, err := errgroup.Map(context.Background(), errgroup.Options{Limit: 2}, []string{"a", "bcd", "ef"},
		func(_ context.Context, word string) (int, error) { return len(word), nil })
	fmt.Println(sizes, err)
	// Output: [1 3 2] <nil>
}

// Results arrive while others are being worked on, in order; leaving the loop
// ends the rest.
func ExampleStream() {
	naturals := func(yield func(int) bool) {
		for n := 0; yield(n); n++ {
		}
	}
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	for result, err := range errgroup.Stream(context.Background(), errgroup.Options{Limit: 4}, naturals, square) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if result > 30 {
			break // the endless rest is cancelled and waited for
		}
		fmt.Println(result)
	}
	// Output:
	// 0
	// 1
	// 4
	// 9
	// 16
	// 25
}

// Who answers first is heard first.
func ExampleStream_unordered() {
	pauses := slices.Values([]time.Duration{time.Second, 0})
	sleep := func(ctx context.Context, d time.Duration) (time.Duration, error) {
		select {
		case <-time.After(d):
			return d, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	o := errgroup.Options{Limit: 2, Unordered: true}
	for d := range errgroup.Stream(context.Background(), o, pauses, sleep) {
		fmt.Println("the first one slept", d)
		break
	}
	// Output: the first one slept 0s
}

// Ask two replicas at once, and a third one if one of them fails.
func ExampleFirst() {
	replica := func(name string, up bool) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if !up {
				return "", fmt.Errorf("%s is down", name)
			}
			return "an answer from " + name, nil
		}
	}
	answer, err := errgroup.First(context.Background(), errgroup.Options{Limit: 2},
		replica("a", false), replica("b", false), replica("c", true))
	fmt.Println(answer, err)

	_, err = errgroup.First(context.Background(), errgroup.Options{Limit: 1},
		replica("a", false), replica("b", false))
	fmt.Println(err)
	// Output:
	// an answer from c <nil>
	// errgroup: all 2 failed: a is down; b is down
}
