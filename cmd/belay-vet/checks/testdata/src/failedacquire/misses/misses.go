// Package misses releases what was taken.
package misses

import (
	"context"
	"log"
	"testing"

	"github.com/belay-go/belay/limiter"
	"golang.org/x/sync/semaphore"
)

type server struct{ sem *semaphore.Weighted }

func work() error { return nil }

var background = context.Background()

func (s *server) plain(ctx context.Context) error {
	if err := s.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.sem.Release(1)
	return work()
}

func (s *server) success(ctx context.Context) error {
	err := s.sem.Acquire(ctx, 1)
	if err == nil {
		defer s.sem.Release(1)
		return work()
	}
	return err
}

func (s *server) endless() {
	s.sem.Acquire(context.Background(), 1)
	defer s.sem.Release(1)
	_ = s.sem.Acquire(background, 1)
	s.sem.Release(1)
	ctx := context.WithValue(context.TODO(), s, 1)
	s.sem.Acquire(ctx, 1)
	s.sem.Release(1)
}

func inTest(t *testing.T, s *server) {
	s.sem.Acquire(t.Context(), 1)
	s.sem.Release(1)
}

func (s *server) asksTheContext(ctx context.Context) {
	s.sem.Acquire(ctx, 1)
	if ctx.Err() != nil {
		return
	}
	s.sem.Release(1)
}

func (s *server) flagged(ctx context.Context) {
	held := true
	if err := s.sem.Acquire(ctx, 1); err != nil {
		held = false
	}
	work()
	if held {
		s.sem.Release(1)
	}
}

func (s *server) closure(ctx context.Context) {
	err := s.sem.Acquire(ctx, 1)
	defer func() {
		if err == nil {
			s.sem.Release(1)
		}
	}()
	work()
}

func (s *server) again(ctx context.Context) {
	for s.sem.Acquire(ctx, 1) != nil {
		log.Println("again")
	}
	s.sem.Release(1)
}

func (s *server) tries() {
	if !s.sem.TryAcquire(1) {
		s.sem.Acquire(background, 1)
	}
	s.sem.Release(1)
	if s.sem.TryAcquire(1) && work() == nil {
		s.sem.Release(1)
	}
}

// The caller's permit is lent out while this waits.
func (s *server) lent(ctx context.Context) error {
	defer s.sem.Release(1)
	s.sem.Release(1)
	work()
	if err := s.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	return work()
}

func (s *server) twice(ctx context.Context) error {
	if err := s.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.sem.Release(1)
	if err := s.sem.Acquire(ctx, 2); err != nil {
		return err
	}
	s.sem.Release(2)
	return nil
}

func ours(ctx context.Context, l limiter.Limiter) error {
	permit, err := l.Take(ctx, 1)
	defer permit.Release()
	return err
}

func told(ctx context.Context, s *server, must func(error)) {
	err := s.sem.Acquire(ctx, 1)
	must(err)
	s.sem.Release(1)
}
