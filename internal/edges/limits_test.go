package edges_test

// Limits: what was done while something was held is visible to the next holder.

import (
	"context"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/pool"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// handed takes all of a limit, and has another goroutine wait for it.
func handed(l limiter.Limiter) func(*cell) {
	return func(x *cell) {
		p, _ := l.TryTake(1)
		x.beside(func() {
			p, err := l.Take(ctx, 1)
			if err != nil {
				panic(err) // it would read without a right to
			}
			x.read()
			p.Release()
		})
		x.write()
		p.Release()
		x.late()
		x.join()
	}
}

// tried is the same for a caller that does not wait in line.
func tried(l limiter.Limiter) func(*cell) {
	return func(x *cell) {
		p, _ := l.TryTake(1)
		x.beside(func() {
			for {
				if p, err := l.TryTake(1); err == nil {
					x.read()
					p.Release()
					return
				}
			}
		})
		x.write()
		p.Release()
		x.late()
		x.join()
	}
}

func one() *semaphore.Weighted { return semaphore.NewWeighted(1) }

func busy() *adaptive.Limiter {
	l := adaptive.New(adaptive.Options{Wait: -1})
	l.SetMax(1)
	return l
}

func conns() *pool.Pool[int] {
	return pool.New(pool.Options[int]{MaxOpen: 1, Open: func(context.Context) (int, error) { return 1, nil }})
}

var ofLimits = []edge{
	{"semaphore.Weighted: Release → the return of Acquire that takes later", func(x *cell) {
		sem := one()
		_ = sem.Acquire(ctx, 1)
		x.beside(func() {
			_ = sem.Acquire(ctx, 1)
			x.read()
		})
		x.write()
		sem.Release(1)
		x.late()
		x.join()
	}},
	{"semaphore.Weighted: Release → a TryAcquire that succeeds later", func(x *cell) {
		sem := one()
		_ = sem.Acquire(ctx, 1)
		x.beside(func() {
			for !sem.TryAcquire(1) {
			}
			x.read()
		})
		x.write()
		sem.Release(1)
		x.late()
		x.join()
	}},
	{"semaphore.Weighted: Permit.Release → the return of Take that takes later", handed(one())},
	{"semaphore.Weighted: Permit.Release → a TryTake that succeeds later", tried(one())},
	{"adaptive.Limiter: Permit.Release → the return of Take that takes later", handed(busy())},
	{"adaptive.Limiter: Permit.Release → a TryTake that succeeds later", tried(busy())},
	{"keyed.Semaphore: Permit.Release → the return of Take of the same key that takes later", handed(keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 8, Size: 1}).For("a"))},
	{"limiter.Composite: Permit.Release → the return of Take that takes later", handed(limiter.All(one(), one()))},
	{"limiter.Watched: Permit.Release → the return of Take that takes later", handed(limiter.Watch(one()))},
	{"pool.Pool: Handle.Release → the return of Get that gets the resource", func(x *cell) {
		p := conns()
		h, _ := p.Get(ctx)
		x.beside(func() {
			h, _ := p.Get(ctx)
			x.read()
			h.Release()
		})
		x.write()
		h.Release()
		x.late()
		x.join()
		_ = p.Close(ctx)
	}},
	{"pool.Pool: Handle.Discard → the return of Get that gets the place", func(x *cell) {
		p := conns()
		h, _ := p.Get(ctx)
		x.beside(func() {
			h, _ := p.Get(ctx)
			x.read()
			h.Release()
		})
		x.write()
		h.Discard()
		x.late()
		x.join()
		_ = p.Close(ctx)
	}},
	{"pool.Pool: Permit.Release → the return of Take that takes later", handed(conns())},
	{"rate.Sometimes: a run of Do → the next run", func(x *cell) {
		s, first := rate.Sometimes{Every: 1}, hint{}
		x.beside(func() {
			first.await()
			s.Do(x.read)
		})
		s.Do(x.write)
		first.give()
		x.late()
		x.join()
	}},
}
