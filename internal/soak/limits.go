package main

// This file is what the acts do with limits.

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/belay-go/belay/limiter"
)

func (w *world) semaphores(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	n := 1 + random.Int64N(units/2)
	switch random.IntN(8) {
	case 0:
		if n = w.sem.TryAcquireUpTo(n); n == 0 {
			return
		}
	case 1:
		if !w.sem.TryAcquire(n) {
			return
		}
	case 2:
		w.sem.Resize(units/2 + random.Int64N(units/2+1))
		return
	default:
		if w.sem.Acquire(ctx, n) != nil {
			return
		}
	}
	defer w.sem.Release(n)
	defer w.inside("the semaphore", &w.inSem, n, units)()
	_ = w.fault(random)
}

// end ends a permit in some way, and once more, which changes nothing.
func end(random *rand.Rand, p limiter.Permit) {
	switch random.IntN(3) {
	case 0:
		p.Drop()
	case 1:
		p.Ignore()
	}
	p.Release()
	p.Release()
}

func (w *world) permits(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	n := 1 + random.Int64N(units/2)
	p, err := w.sem.Take(ctx, n)
	if err != nil {
		return
	}
	defer end(random, p)
	if random.IntN(2) == 0 {
		p.Settle(random.Int64N(n + 1))
	}
	_ = w.fault(random)
}

func (w *world) adapts(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	if random.IntN(50) == 0 {
		w.adapt.SetMax(2 + random.Int64N(3))
	}
	p, err := w.adapt.For("client", random.IntN(3)).Take(ctx, 1)
	if err != nil {
		return
	}
	defer end(random, p)
	_ = w.fault(random)
}

func (w *world) keyeds(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	key := random.IntN(keys)
	if random.IntN(4) > 0 {
		key = 0 // so that one has a line
	}
	if random.IntN(4) == 0 {
		if p, err := w.keyRate.For(key).Take(ctx, 1); err == nil {
			end(random, p)
		}
		return
	}
	p, err := w.keySem.For(key).Take(ctx, 1)
	if err != nil {
		return
	}
	defer end(random, p)
	defer w.inside("a key", &w.inKey[key], 1, 2)()
	_ = w.fault(random)
}

func (w *world) rates(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	switch random.IntN(6) {
	case 0: // a clock that steps by up to an hour, either way
		step := time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour
		w.abroad.AllowN(time.Now().Add(step), 1+random.IntN(3))
	case 1:
		w.abroad.SetLimitAt(time.Now().Add(-time.Hour), 1000)
		if n := w.abroad.TokensAt(time.Now().Add(time.Hour)); n > 10 {
			w.fail("a bucket for 10 has %v", n)
		}
	case 2:
		r := w.bucket.ReserveN(time.Now(), 1+random.IntN(5))
		defer r.Cancel()
	case 3:
		if p, err := w.bucket.Take(ctx, 1); err == nil {
			defer end(random, p)
		}
	default:
		_ = w.bucket.WaitN(ctx, 1+random.IntN(3))
	}
	_ = w.fault(random)
}

func (w *world) pools(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	if random.IntN(16) == 0 {
		if p, err := w.pool.Take(ctx, 1+random.Int64N(2)); err == nil {
			defer end(random, p)
			_ = w.fault(random)
		}
		return
	}
	h, err := w.pool.Get(ctx)
	if err != nil {
		return
	}
	if random.IntN(40) == 0 {
		c, p := h.Detach()
		defer end(random, p)
		defer c.Close()
		_ = w.fault(random)
		return
	}
	defer h.Release() // stale, unless a fault comes first
	if random.IntN(10) == 0 {
		w.sockets.Add(1)
		_ = h.Value().Close() // as a peer might, or a careless caller
	}
	if ping(context.Background(), h.Value()) != nil {
		h.Discard()
		return
	}
	_ = w.fault(random)
	h.Release()
}

func (w *world) composites(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	p, err := w.all.Take(ctx, 1+random.Int64N(3))
	if err != nil {
		return
	}
	defer end(random, p)
	_ = w.fault(random)
}
