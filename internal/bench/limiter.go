package main

// This file spreads operations on a limit over goroutines.

import "sync"

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
