package main

// This file has the three experiments: goroutines that wait, tasks that
// compute, and calls to a server that has a fixed number of places.

import (
	"context"
	"crypto/sha256"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/belay-go/belay/errgroup"
)

const (
	computed = 4096      // tasks of compute
	buffer   = 256 << 10 // what each of them allocates
	hashed   = 4         // and how often it hashes that: a millisecond or so
	called   = 4000      // calls of call
	places   = 20        // how many the server serves at once
	serves   = 5 * time.Millisecond
	patience = 100 * time.Millisecond
)

// park returns what n waiting goroutines take: bytes, bytes for each, the length
// of a collection, and the longest time for which it stops everything.
func park(n, deep int) []float64 {
	runtime.GC()
	debug.FreeOSMemory()
	before := inUse()
	release := make(chan struct{})
	var up, down sync.WaitGroup
	up.Add(n)
	for range n {
		down.Go(func() {
			if deep > 0 {
				descend(deep, func() { up.Done(); <-release })
				return
			}
			up.Done()
			<-release
		})
	}
	up.Wait()
	taken := inUse() - before
	paused := pauses()
	var took []float64
	for range 5 {
		began := time.Now()
		runtime.GC()
		took = append(took, time.Since(began).Seconds())
	}
	stopped := longest(paused, pauses())
	close(release)
	down.Wait()
	return []float64{taken, taken / float64(n), quantile(took, 0.5), stopped}
}

// descend calls f with about so many KiB of stack below it.
func descend(kib int, f func()) byte {
	var block [1024]byte
	block[kib%len(block)] = 1 // the compiler can't do without it
	if kib <= 1 {
		f()
		return block[0]
	}
	return descend(kib-1, f) + block[kib%7]
}

// compute runs tasks that keep a processor busy, so many at once, beside a
// client that sends a byte and waits for it to come back.
func compute(limit int) []float64 {
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	stop := make(chan struct{})
	var beside sync.WaitGroup
	var most float64
	beside.Go(func() { most = watch(stop) })
	var echoes []float64
	beside.Go(func() { echoes = echo(stop) })

	took := make([]float64, computed)
	var g errgroup.Group
	g.SetLimit(limit)
	began := time.Now()
	for i := range computed {
		g.Go(func() error {
			from := time.Now()
			data := make([]byte, buffer)
			for range hashed {
				sum := sha256.Sum256(data)
				copy(data, sum[:])
			}
			took[i] = time.Since(from).Seconds()
			return nil
		})
	}
	_ = g.Wait() // no task fails
	all := time.Since(began)
	close(stop)
	beside.Wait()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	return []float64{
		all.Seconds(), most, float64(after.NumGC - before.NumGC),
		quantile(took, 0.99), slices.Max(echoes),
	}
}

// call runs calls to a server that serves so many at once and lets the others
// wait in line, as most servers do.
func call(limit int) []float64 {
	server := make(chan struct{}, places)
	took := make([]float64, called)
	late := make([]bool, called)
	var g errgroup.Group
	g.SetLimit(limit)
	began := time.Now()
	for i := range called {
		g.Go(func() error {
			from := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			server <- struct{}{} // the server doesn't know that its client gives up
			time.Sleep(serves)
			<-server
			took[i], late[i] = time.Since(from).Seconds(), ctx.Err() != nil
			return nil
		})
	}
	_ = g.Wait() // no task fails
	all := time.Since(began).Seconds()
	gaveUp := 0.0
	for _, l := range late {
		if l {
			gaveUp++
		}
	}
	return []float64{(called - gaveUp) / all, quantile(took, 0.5), quantile(took, 0.99), gaveUp / called}
}

// echo returns how long each round of a byte over loopback took, until stop.
func echo(stop <-chan struct{}) []float64 {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	var server sync.WaitGroup
	defer server.Wait()
	server.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.Copy(conn, conn) // ends with the client
	})
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	var took []float64
	for one := make([]byte, 1); ; {
		began := time.Now()
		if _, err := conn.Write(one); err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(conn, one); err != nil {
			panic(err)
		}
		took = append(took, time.Since(began).Seconds())
		select {
		case <-stop:
			return took
		case <-time.After(time.Millisecond):
		}
	}
}

// watch returns the most memory that was in use until stop.
func watch(stop <-chan struct{}) (most float64) {
	for {
		most = max(most, inUse())
		select {
		case <-stop:
			return most
		case <-time.After(time.Millisecond):
		}
	}
}

// inUse is what the process has of the machine's memory, as Go knows it.
func inUse() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64()) - float64(s[1].Value.Uint64()) - float64(s[2].Value.Uint64())
}

// pauses are how often collections have stopped everything, by how long.
func pauses() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	return &metrics.Float64Histogram{Counts: slices.Clone(h.Counts), Buckets: slices.Clone(h.Buckets)}
}

// longest is the upper end of the highest bucket that has gained something.
func longest(before, after *metrics.Float64Histogram) float64 {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return after.Buckets[i+1]
		}
	}
	return 0
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
