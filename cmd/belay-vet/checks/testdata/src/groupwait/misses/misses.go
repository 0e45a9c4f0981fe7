// Package misses has groups that somebody waits for, or may.
package misses

import (
	"context"
	"log"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
	"golang.org/x/sync/errgroup"
)

func load() error                     { return nil }
func fetch(ctx context.Context) error { return nil }
func join(g *errgroup.Group)          {}

func waited() error {
	var g errgroup.Group
	g.Go(load)
	return g.Wait()
}

// The check is for groups that are never waited for; one path is another
// matter.
func onePath(hurry bool) error {
	var g errgroup.Group
	g.Go(load)
	if hurry {
		return nil
	}
	return g.Wait()
}

func deferred() {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { load() })
}

func elsewhere() <-chan error {
	var g errgroup.Group
	done := make(chan error, 1)
	g.Go(load)
	go func() { done <- g.Wait() }()
	return done
}

func passed() {
	var g errgroup.Group
	g.Go(load)
	join(&g)
}

func returned() *errgroup.Group {
	g := new(errgroup.Group)
	g.Go(load)
	return g
}

func valued() func() error {
	var g errgroup.Group
	g.Go(load)
	return g.Wait
}

type server struct{ g *errgroup.Group }

func stored(s *server) {
	g := new(errgroup.Group)
	s.g = g
	g.Go(load)
}

func borrowed(s *server) {
	g := s.g
	g.Go(load)
}

func given(g *errgroup.Group, wg *sync.WaitGroup) {
	g.Go(load)
	wg.Go(func() { load() })
}

var global sync.WaitGroup

func shared() { global.Go(func() { load() }) }

func idle() {
	var g errgroup.Group
	g.SetLimit(1)
}

// The function never returns, so it outlives its tasks.
func forever() {
	var g errgroup.Group
	g.Go(load)
	for {
		time.Sleep(time.Hour)
	}
}

func fatal() {
	var g errgroup.Group
	g.Go(load)
	log.Fatal("never")
}

// The first failure is all that is waited for.
func firstFailure(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return fetch(ctx) })
	<-ctx.Done()
	return context.Cause(ctx)
}

func limited() bool {
	var wg timeout.WaitGroup
	wg.Go(func() { load() })
	return wg.WaitTimeout(time.Second)
}

func zero() {
	var wg timeout.WaitGroup
	wg.Go(func() { load() })
	<-wg.Zero()
}

// What is counted has ended when the call returns.
func counted(run func(func())) {
	var wg sync.WaitGroup
	run(func() {
		wg.Add(1)
		wg.Done()
	})
}
