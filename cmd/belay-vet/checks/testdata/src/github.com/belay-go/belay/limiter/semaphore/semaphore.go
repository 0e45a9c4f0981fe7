// Package semaphore stands for the real one: the names that checks look at.
package semaphore

import (
	"context"

	"github.com/belay-go/belay/limiter"
)

type Weighted struct{}

func NewWeighted(n int64) *Weighted { return new(Weighted) }

func (s *Weighted) Acquire(ctx context.Context, n int64) error { return nil }
func (s *Weighted) TryAcquire(n int64) bool                    { return true }
func (s *Weighted) Release(n int64)                            {}

type Options struct {
	Size int64
}

func New(o Options) *Weighted { return new(Weighted) }

func (s *Weighted) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	return limiter.Permit{}, nil
}
func (s *Weighted) TryTake(n int64) (limiter.Permit, error) { return limiter.Permit{}, nil }
