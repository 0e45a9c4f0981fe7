package main

// This file has the timeouts that package timeout does not offer: channels that
// many waits share, late by up to a sixty-fourth of what they asked for. They
// cost a fraction of time.After by themselves, and nothing that can be measured
// in a server that does anything.

import (
	"context"
	"io"
	"math/bits"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/timeout"
)

// coarse hands out channels that are closed when their time has come. Deadlines
// are rounded up to a power of two that is no more than a sixty-fourth of the
// wait, and all waits that end at one of these share a channel.
type coarse struct {
	start    time.Time
	mu       sync.Mutex
	spacings [64][256]atomic.Pointer[bucket] // by the power of two, then by the deadline
}

type bucket struct {
	deadline int64 // in spacings since the start
	c        chan struct{}
}

func (c *coarse) After(d time.Duration) <-chan struct{} {
	power := max(bits.Len64(uint64(d))-7, 0)
	now := time.Since(c.start)
	deadline := (int64(now+d) + 1<<power - 1) >> power
	slot := &c.spacings[power][deadline&255]
	if b := slot.Load(); b != nil && b.deadline == deadline {
		return b.c
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := slot.Load(); b != nil && b.deadline == deadline {
		return b.c
	}
	b := &bucket{deadline, make(chan struct{})}
	slot.Store(b)
	time.AfterFunc(time.Duration(deadline<<power)-now, func() { close(b.c) })
	return b.c
}

// The waits of coarseRows last this long at most.
const patience = 10 * time.Second

func coarseRows() []row {
	shared := &coarse{start: time.Now()}
	// wait is one wait for ready that gives up; done is what it calls then.
	waits := map[string]func(ready <-chan struct{}){
		"time.After": func(ready <-chan struct{}) {
			select {
			case <-ready:
			case <-time.After(patience):
			}
		},
		"no timeout": func(ready <-chan struct{}) { <-ready },
		"shared": func(ready <-chan struct{}) {
			select {
			case <-ready:
			case <-shared.After(patience):
			}
		},
		"a new Timer": func(ready <-chan struct{}) {
			var t timeout.Timer
			t.Reset(patience)
			select {
			case <-ready:
			case <-t.C():
			}
			t.Stop()
		},
		"context": func(ready <-chan struct{}) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			select {
			case <-ready:
			case <-ctx.Done():
			}
		},
	}
	ready := make(chan struct{})
	close(ready)
	alone := func(name string) func(int) {
		return func(n int) {
			for range n {
				waits[name](ready)
			}
		}
	}
	parked := func(name string) func(int) {
		return func(n int) {
			c := make(chan struct{})
			go func() { // ends with the n waits
				for range n {
					c <- struct{}{}
				}
			}()
			for range n {
				waits[name](c)
			}
		}
	}
	server := func(name string) func(int) {
		return func(n int) { serveWaits(waits[name], n) }
	}
	var rows []row
	for _, peer := range []string{"no timeout", "time.After", "context", "a new Timer"} {
		rows = append(rows,
			row{shape: "a wait that is ready, shared", peer: peer, theirs: alone(peer), ours: alone("shared")},
			row{shape: "a wait that blocks, shared", peer: peer, theirs: parked(peer), ours: parked("shared")},
			row{shape: "a wait in an HTTP handler, shared", peer: peer, theirs: server(peer), ours: server("shared"), least: 300 * time.Millisecond},
		)
	}
	return rows
}

// serveWaits has n requests answered by a server on loopback, whose handler hands
// each to a worker, as a server with a queue does, and waits for it.
func serveWaits(wait func(<-chan struct{}), n int) {
	work := make(chan chan struct{})
	go func() { // ends with the requests
		for done := range work {
			close(done)
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := make(chan struct{})
		work <- done
		wait(done)
		_, _ = io.WriteString(w, "ok")
	})}
	go func() { _ = s.Serve(l) }() // ends with Close
	const clients = 8
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range (n + clients - 1) / clients {
				r, err := transport.RoundTrip(must(http.NewRequest("GET", "http://"+l.Addr().String(), nil)))
				if err != nil {
					panic(err)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
			}
		})
	}
	all.Wait()
	transport.CloseIdleConnections()
	_ = s.Close()
	close(work)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
