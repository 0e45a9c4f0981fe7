package main

// This file compares limiter/rate with x/time's.

import (
	"fmt"
	"sync"

	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/limiter/rate"
)

func rateRows() []row {
	var rows []row
	for _, goroutines := range []int{1, 64} {
		for _, c := range []struct {
			verdict string
			burst   int
		}{{"granted", 1 << 30}, {"denied", 0}} {
			rows = append(rows, row{
				shape: fmt.Sprintf("Allow %s, %d goroutines", c.verdict, goroutines),
				peer:  "x/time",
				theirs: func(n int) {
					l := xrate.NewLimiter(1e9, c.burst)
					spread(goroutines, n, func() { l.Allow() })
				},
				ours: func(n int) {
					l := rate.NewLimiter(1e9, c.burst)
					spread(goroutines, n, func() { l.Allow() })
				},
			})
		}
	}
	return rows
}

// spread calls f at least n times, as often on each goroutine.
func spread(goroutines, n int, f func()) {
	each := (n + goroutines - 1) / goroutines
	if goroutines == 1 {
		for range each {
			f()
		}
		return
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				f()
			}
		})
	}
	wg.Wait()
}
