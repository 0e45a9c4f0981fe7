// Keyed bounds each client of a service: three requests at once and then one an
// hour, and one report at a time. Memory for it is decided on once.
//
// Look at mallory, who makes up a new name for each request: the table doesn't
// grow, nobody who is known loses what he has, and all new names together get
// what one client gets.
//
// It prints:
//
//	alice: yes yes yes no
//	bob: yes yes yes no
//	mallory under 5000 names, refused by the bucket for new ones: true
//	alice is still out of tokens: true
//	carol's second report: limiter: no room
//	carol's third, when the first is done: <nil>
package main

import (
	"fmt"

	"github.com/belay-go/belay/limiter/keyed"
)

func main() {
	requests := keyed.NewRate[string](keyed.RateOptions{
		Keys:  1000,       // with less than a full bucket at the same time
		Limit: 1.0 / 3600, // a second
		Burst: 3,
	})
	for _, client := range []string{"alice", "bob"} {
		fmt.Print(client, ":")
		for range 4 {
			if requests.For(client).Allow() {
				fmt.Print(" yes")
			} else {
				fmt.Print(" no")
			}
		}
		fmt.Println()
	}

	for i := range 5000 {
		requests.For(fmt.Sprintf("mallory-%d", i)).Allow()
	}
	fmt.Println("mallory under 5000 names, refused by the bucket for new ones:", requests.Overflow().Refused > 1000)
	fmt.Println("alice is still out of tokens:", !requests.For("alice").Allow())

	// What a client has in flight, and not how often it asks.
	reports := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 1000, Size: 1})
	first, err := reports.For("carol").TryTake(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = reports.For("carol").TryTake(1)
	fmt.Println("carol's second report:", err)
	first.Release()
	third, err := reports.For("carol").TryTake(1)
	defer third.Release()
	fmt.Println("carol's third, when the first is done:", err)
}
