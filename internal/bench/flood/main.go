// Command flood sends more keys to limiter/keyed than there is room for, and says
// what became of its memory, of the flood, and of those who were there before.
//
//	go run ./internal/bench/flood                  ten million keys, room for a hundred thousand
//	go run ./internal/bench/flood -n 1000000       a look
//	go run ./internal/bench/flood -map             besides, a map of x/time's limiters
//
// It exits with 1 if the memory grew by more than a megabyte, if a key that was
// used up was forgiven, or if one with tokens left was refused.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/limiter/keyed"
)

const (
	limit = 1.0 / 60 // tokens a second
	burst = 10
	known = 1000 // keys with a token less than they can have, before the flood
	hot   = -1   // the key that is used up
)

func main() {
	n := flag.Int("n", 10_000_000, "keys in the flood, each asked for once")
	table := flag.Int("table", 100_000, "keys for which there is room")
	too := flag.Bool("map", false, "put the same keys into a map of x/time's limiters as well")
	flag.Parse()
	if *n < 1 || *table < 2*known {
		fmt.Fprintf(os.Stderr, "flood: -n %d -table %d: at least 1 and %d\n", *n, *table, 2*known)
		os.Exit(2)
	}
	if !flood(*n, *table) {
		os.Exit(1)
	}
	if *too {
		floodMap(*n)
	}
}

// flood reports whether everybody got what is theirs.
func flood(n, table int) bool {
	before := heap()
	r := keyed.NewRate[int](keyed.RateOptions{Keys: table, Limit: limit, Burst: burst})
	began := time.Now()
	for range burst {
		r.For(hot).Allow()
	}
	for i := range known {
		r.For(-2 - i).Allow()
	}
	made, forgiven, refused, through := heap(), 0, 0, 0
	for i := range n {
		if r.For(i).Allow() {
			through++
		}
		if i%1000 == 0 && r.For(hot).Allow() {
			forgiven++
		}
	}
	grown := int64(heap()) - int64(made)
	for i := range known {
		for range burst - 1 {
			if !r.For(-2 - i).Allow() {
				refused++
			}
		}
	}
	took := time.Since(began)
	fair := int(took.Seconds() * limit)
	overflow := r.Overflow()
	fmt.Printf("keys in the flood        %12d   room for %d\n", n, table)
	fmt.Printf("heap of the table        %12d   %.1f bytes a key\n", made-before, float64(made-before)/float64(table))
	fmt.Printf("heap grown by the flood  %12d\n", grown)
	fmt.Printf("of the flood granted     %12d\n", through)
	fmt.Printf("             refused     %12d\n", n-through)
	fmt.Printf("overflow     granted     %12d\n", overflow.Total)
	fmt.Printf("             refused     %12d\n", overflow.Refused)
	fmt.Printf("used-up key: forgiven    %12d   fair %d\n", forgiven, fair)
	fmt.Printf("known keys:  refused     %12d   of %d\n", refused, known*(burst-1))
	fmt.Printf("%v, %v for each key\n", took.Round(time.Millisecond), took/time.Duration(n))
	return grown < 1<<20 && forgiven <= fair && refused == 0
}

func floodMap(n int) {
	before := heap()
	m := map[int]*xrate.Limiter{}
	for i := range n {
		l := xrate.NewLimiter(limit, burst)
		l.Allow()
		m[i] = l
	}
	fmt.Printf("\nheap of a map of x/time  %12d\n", heap()-before)
	runtime.KeepAlive(m)
}

// heap returns the bytes of what is alive.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
