// Package rate stands for the real one: the names that checks look at.
package rate

import (
	"context"
	"time"
)

type Limit float64

const Inf = Limit(1)

func Every(d time.Duration) Limit { return 0 }

type Limiter struct{}

func NewLimiter(r Limit, b int) *Limiter { return new(Limiter) }

func (l *Limiter) Allow() bool                            { return true }
func (l *Limiter) Wait(ctx context.Context) error         { return nil }
func (l *Limiter) WaitN(ctx context.Context, n int) error { return nil }
func (l *Limiter) Reserve() *Reservation                  { return nil }

type Reservation struct{}

func (r *Reservation) OK() bool             { return true }
func (r *Reservation) Delay() time.Duration { return 0 }
func (r *Reservation) Cancel()              {}
