package main

// This file compares limiter/keyed with what it is in the place of: a map of
// x/time's limiters, and one of x/sync's semaphores, under a mutex.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	xsemaphore "golang.org/x/sync/semaphore"
	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/limiter/keyed"
)

func keyedRows() []row {
	return []row{
		keyedAllows(1, 1, 0),
		keyedAllows(1000, 1, 2),
		keyedAllows(1000, 64, 2),
		keyedAllows(1_000_000, 1, 2),
		keyedAllows(1_000_000, 64, 2),
		keyedTakes(1000),
		keyedPlaces(1000, 1),
		keyedPlaces(1000, 64),
	}
}

// keyNames are keys as addresses are, and requests that name them in some order.
type keyNames struct {
	names []string
	// A key that comes with a request is a string of its own, not the one that is
	// kept since the first request, and was just written. So these are copies, each
	// behind the one before, which the processor fetches in advance: what is known of
	// the keys need not be in its cache.
	asked []string
}

func newKeyNames(n int) *keyNames {
	k := &keyNames{asked: make([]string, 1<<20)}
	for i := range n {
		k.names = append(k.names, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range k.asked {
		k.asked[i] = strings.Clone(k.names[random.IntN(n)])
	}
	return k
}

// each calls f for n keys on each of some goroutines together.
func (k *keyNames) each(goroutines, n int, f func(key string)) {
	share(goroutines, n, func(n int) {
		at := rand.IntN(len(k.asked))
		for range n {
			f(k.asked[at])
			if at++; at == len(k.asked) {
				at = 0
			}
		}
	})
}

// keyMap is a map of what keys have, which never forgets.
type keyMap[T any] struct {
	mu sync.Mutex
	of map[string]T
}

func (m *keyMap[T]) get(key string, make func() T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.of[key]
	if !ok {
		found = make()
		m.of[key] = found
	}
	return found
}

// keyedAllows asks for keys that are all there already, at random.
func keyedAllows(keys, goroutines int, target float64) row {
	var k *keyNames
	var theirs *keyMap[*xrate.Limiter]
	var ours *keyed.Rate[string]
	limiter := func() *xrate.Limiter { return xrate.NewLimiter(1e6, plenty) }
	return row{
		shape:  fmt.Sprintf("Allow, %d keys, %d goroutines", keys, goroutines),
		peer:   "map, mutex, x/time",
		target: target,
		renew: func() {
			if k != nil {
				return
			}
			k, theirs = newKeyNames(keys), &keyMap[*xrate.Limiter]{of: map[string]*xrate.Limiter{}}
			ours = keyed.NewRate[string](keyed.RateOptions{Keys: keys, Limit: 1e6, Burst: plenty})
			for _, name := range k.names {
				theirs.get(name, limiter).Allow()
				ours.For(name).Allow()
			}
		},
		theirs: func(n int) {
			k.each(goroutines, n, func(key string) { theirs.get(key, limiter).Allow() })
		},
		ours: func(n int) {
			k.each(goroutines, n, func(key string) { ours.For(key).Allow() })
		},
	}
}

// keyedTakes takes permits, which x/time doesn't have.
func keyedTakes(keys int) row {
	r := keyedAllows(keys, 1, 0)
	k := newKeyNames(keys)
	ours := keyed.NewRate[string](keyed.RateOptions{Keys: keys, Limit: 1e6, Burst: plenty})
	r.shape = fmt.Sprintf("TryTake and Release, against Allow, %d keys", keys)
	r.ours = func(n int) {
		k.each(1, n, func(key string) {
			p, err := ours.For(key).TryTake(1)
			if err != nil {
				panic(err)
			}
			p.Release()
		})
	}
	return r
}

// keyedPlaces takes a place of a key and gives it back.
func keyedPlaces(keys, goroutines int) row {
	const size = 100
	k := newKeyNames(keys)
	theirs := &keyMap[*xsemaphore.Weighted]{of: map[string]*xsemaphore.Weighted{}}
	ours := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: keys, Size: size})
	return row{
		shape: fmt.Sprintf("semaphore: TryTake and Release, %d keys, %d goroutines", keys, goroutines),
		peer:  "map, mutex, x/sync",
		theirs: func(n int) {
			k.each(goroutines, n, func(key string) {
				s := theirs.get(key, func() *xsemaphore.Weighted { return xsemaphore.NewWeighted(size) })
				if !s.TryAcquire(1) {
					panic("no place")
				}
				s.Release(1)
			})
		},
		ours: func(n int) {
			k.each(goroutines, n, func(key string) {
				p, err := ours.For(key).TryTake(1)
				if err != nil {
					panic(err)
				}
				p.Release()
			})
		},
	}
}
