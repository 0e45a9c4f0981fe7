// Package timeout stands for the real one: the names that checks look at.
package timeout

import (
	"context"
	"sync"
	"time"
)

type WaitGroup struct{}

func (wg *WaitGroup) Add(n int)                                   {}
func (wg *WaitGroup) Done()                                       {}
func (wg *WaitGroup) Go(f func())                                 {}
func (wg *WaitGroup) GoNamed(name string, f func())               {}
func (wg *WaitGroup) Wait()                                       {}
func (wg *WaitGroup) WaitContext(ctx context.Context) error       { return nil }
func (wg *WaitGroup) WaitTimeout(d time.Duration) (timedOut bool) { return false }

func (wg *WaitGroup) Zero() <-chan struct{} { return nil }

func Wait(wg *sync.WaitGroup, d time.Duration) (timedOut bool) { return false }

func Run[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	return f(ctx)
}
