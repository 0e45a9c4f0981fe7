// Package errgroup stands for the real one: the names that checks look at.
package errgroup

import "context"

type Group struct{}

func WithContext(ctx context.Context) (*Group, context.Context) { return new(Group), ctx }

func (g *Group) Go(f func() error)         {}
func (g *Group) TryGo(f func() error) bool { return true }
func (g *Group) SetLimit(n int)            {}
func (g *Group) Wait() error               { return nil }

type Options struct {
	Name            string
	Limit           int
	FreshGoroutines bool
}

func New(ctx context.Context, o Options) (*Group, context.Context) { return new(Group), ctx }

func (g *Group) GoContext(ctx context.Context, f func(context.Context) error) error { return nil }
func (g *Group) Resize(n int)                                                       {}
func (g *Group) WaitContext(ctx context.Context) error                              { return nil }
