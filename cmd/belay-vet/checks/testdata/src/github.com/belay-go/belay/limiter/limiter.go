// Package limiter stands for the real one: the names that checks look at.
package limiter

import "context"

type Permit struct{}

func (p Permit) Release()       {}
func (p Permit) Settle(n int64) {}

type Limiter interface {
	Take(ctx context.Context, n int64) (Permit, error)
	TryTake(n int64) (Permit, error)
}
