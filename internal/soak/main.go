// Command soak uses every package at once for a long time, with faults: panics,
// Goexits, contexts that end at random, clocks that step, sockets that close.
//
//	go run ./internal/soak                an hour
//	go run ./internal/soak -for 10s
//
// It prints a line a minute, and a last one. It exits 1 as soon as a promise is
// broken, and if anything is left at the end: a goroutine of this module, a
// descriptor, a permit, a call in line.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/leaktest"
)

func main() {
	d := flag.Duration("for", time.Hour, "how long")
	workers := flag.Int("workers", 64, "how many acts go on at a time")
	seed := flag.Uint64("seed", rand.Uint64(), "of what is random; goroutines still race")
	plant := flag.String("plant", "", "a fault of soak's own that it has to report: permit, goroutine, descriptor")
	flag.Parse()
	fmt.Printf("soak: for %v, %d acts at a time, seed %d, %s, %d cores\n", *d, *workers, *seed, runtime.Version(), runtime.NumCPU())
	if err := soak(*d, *workers, *seed, *plant); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func soak(d time.Duration, workers int, seed uint64, plant string) error {
	goroutines := runtime.NumGoroutine() // now, as one of warm's may be about to end
	warm()                               // what the runtime and the net package open once and keep
	before := descriptors()
	w := newWorld()
	began := time.Now()
	w.plant(plant)
	end := time.After(d)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { // ends with stop
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for {
				select {
				case <-stop:
					return
				default:
					w.act(random)
				}
			}
		})
	}
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for over := false; !over; {
		select {
		case <-minute.C:
			w.line(began)
		case <-end:
			over = true
		case <-w.broken:
			over = true
		}
	}
	close(stop)
	if !within(30*time.Second, all.Wait) {
		w.fail("acts that do not end\n%s", leaktest.Find(0))
	}
	w.line(began)
	return w.account(before, goroutines)
}

// within reports whether f returned in that time.
func within(d time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); f() }() // ends with f
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

// descriptors counts those of the process; -1 where nobody can tell.
func descriptors() int {
	list, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(list) == 0 {
		return -1
	}
	return len(list)
}

// memory is what the process has from the system, in megabytes.
func memory() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return (m.Sys - m.HeapReleased) >> 20
}
