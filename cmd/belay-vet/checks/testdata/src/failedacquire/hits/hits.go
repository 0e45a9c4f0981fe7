// Package hits releases what was perhaps never taken.
package hits

import (
	"context"
	"log"
	"sync"

	belay "github.com/belay-go/belay/limiter/semaphore"
	"golang.org/x/sync/semaphore"
)

type server struct {
	sem *semaphore.Weighted
	own *belay.Weighted
}

func work() error { return nil }

func (s *server) deferredFirst(ctx context.Context) error {
	defer s.sem.Release(1) // want "this Release also runs when no permit was taken"
	if err := s.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	return work()
}

func (s *server) dropped(ctx context.Context) error {
	s.sem.Acquire(ctx, 1)
	defer s.sem.Release(1) // want "this Release also runs when no permit was taken"
	return work()
}

func (s *server) blank(ctx context.Context) error {
	_ = s.own.Acquire(ctx, 1)
	err := work()
	s.own.Release(1) // want "this Release also runs when no permit was taken"
	return err
}

func (s *server) beforeTheLook(ctx context.Context) error {
	err := s.sem.Acquire(ctx, 1)
	defer s.sem.Release(1) // want "this Release also runs when no permit was taken"
	if err != nil {
		return err
	}
	return work()
}

func (s *server) logged(ctx context.Context) {
	if err := s.sem.Acquire(ctx, 1); err != nil {
		log.Println(err)
	}
	defer s.sem.Release(1) // want "this Release also runs when no permit was taken"
	work()
}

func (s *server) givenBackOnFailure(ctx context.Context) error {
	if err := s.sem.Acquire(ctx, 1); err != nil {
		s.sem.Release(1) // want "this Release also runs when no permit was taken"
		return err
	}
	defer s.sem.Release(1)
	return work()
}

func (s *server) tried() {
	s.sem.TryAcquire(1)
	defer s.sem.Release(1) // want "this Release also runs when no permit was taken"
	work()
}

// The batch is cancelled, Acquire fails for each that is left, and each
// of their goroutines releases.
func batch(ctx context.Context, names []string) {
	sem := semaphore.NewWeighted(4)
	var wg sync.WaitGroup
	for range names {
		wg.Add(1)
		_ = sem.Acquire(ctx, 1)
		go func() {
			defer wg.Done()
			defer sem.Release(1) // want "this Release also runs when no permit was taken"
			work()
		}()
	}
	wg.Wait()
}

// Each of them tells of the failure, and returns.
type logger struct{}

func (logger) Warnf(string, ...any)  {}
func (logger) Errorf(string, ...any) {}
func (logger) Infof(string, ...any)  {}
func (logger) Debugf(string, ...any) {}
func (logger) Logf(string, ...any)   {}
func (logger) Err(error) logger      { return logger{} }
func (logger) Msg(string, ...any)    {}

func (s *server) loggers(ctx context.Context, l logger) {
	err := s.sem.Acquire(ctx, 1)
	if err != nil {
		l.Warnf("%v", err)
		l.Errorf("%v", err)
		l.Infof("%v", err)
		l.Debugf("%v", err)
		l.Logf("%v", err)
		l.Err(err).Msg("no permit")
	}
	defer s.sem.Release(1) // want "this Release also runs when no permit was taken"
	work()
}
