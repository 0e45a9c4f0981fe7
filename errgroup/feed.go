package errgroup

// This file is how ForEach hands its items to few long-lived tasks. A task of
// the group for each item would cost a closure and, where items are short, a
// switch of goroutines each: the submitter gets the processor back only when a
// worker gives it up. Here items wait in a ring, the producer is woken when the
// ring is nearly empty, and the worker that wakes it lets it run:
//
//	        put               takeLocked            f returns
//	 item ───────▶ ring ─────────────────▶ inside f ──────────▶ seeking
//	  │ full        ▲                         ▲                  │    ▲
//	  └──▶ blocked ─┘                         └── finds an item ─┤    │
//	      (the producer)                   empty, after yields   ▼    │ callLocked
//	                                                           parked ┘
//
// An item never waits behind a running one while fewer than limit run: as long
// as the ring holds an item, either some worker is seeking, or all that there
// may be are inside f. One seeking worker is enough: it calls the next one
// before it enters f.

import (
	"context"
	"math"
	"runtime"
	"sync"
)

const (
	ahead        = 16        // items that the ring holds
	refillAt     = ahead / 4 // items left when the producer is woken
	mostPatience = 64        // yields of a worker that finds the ring empty
)

// feed is the ring and its workers. The producer and the workers share it, so
// what changes with each item has cache lines of its own.
type feed[T any] struct {
	ctx     context.Context // of the group
	g       *Group
	f       func(context.Context, T) error
	run     func() error // work, bound once
	limit   int32
	seekers int32     // at most so many workers yield at once
	room    sync.Cond // the producer waits here
	some    sync.Cond // the parked workers wait here

	_  [64]byte
	mu struct {
		sync.Mutex
		ring     []T
		head, n  int32
		workers  int32 // started; one that fails stays counted, for then all is over
		seeking  int32 // workers that are outside of f and look for an item, or are about to
		parked   int32 // workers that wait for an item
		patience int32 // yields before a worker parks
		blocked  bool  // the producer waits for room
		closed   bool  // no item comes any more
	}
	_ [64]byte
}

func newFeed[T any](ctx context.Context, g *Group, limit int, f func(context.Context, T) error) *feed[T] {
	q := &feed[T]{ctx: ctx, g: g, f: f, limit: int32(min(limit, math.MaxInt32))}
	q.seekers = int32(runtime.GOMAXPROCS(0))
	q.run = q.work
	q.room.L, q.some.L = &q.mu, &q.mu
	q.mu.ring = make([]T, ahead)
	q.mu.patience = 1
	return q
}

func (q *feed[T]) lock() {
	if !q.mu.TryLock() {
		lockHeld(&q.mu.Mutex)
	}
}

// put hands over an item, when there is room, and reports whether another one
// is welcome. Once the context is done an item stays in the ring, or out of it.
func (q *feed[T]) put(item T) bool {
	q.lock()
	m := &q.mu
	if m.n == ahead && !m.closed {
		m.blocked = true
		for m.blocked {
			q.room.Wait()
		}
	}
	if m.closed {
		m.Unlock()
		return false
	}
	m.ring[(m.head+m.n)%ahead] = item
	m.n++
	start := q.callLocked()
	m.Unlock()
	if start {
		q.g.Go(q.run)
	}
	return q.ctx.Err() == nil
}

// close ends the wait of the producer and of the workers: those still take what
// the ring holds, unless the context is done.
func (q *feed[T]) close() {
	q.lock()
	q.mu.closed = true
	q.mu.seeking += q.mu.parked
	q.mu.parked = 0
	q.mu.blocked = false
	q.mu.Unlock()
	q.some.Broadcast()
	q.room.Signal()
}

// callLocked sees to it that a worker is seeking if there is an item to find.
// If it returns true the caller has to start one, after unlocking: that never
// blocks, since the group has room for all of them.
func (q *feed[T]) callLocked() (start bool) {
	m := &q.mu
	switch {
	case m.n == 0 || m.seeking > 0:
		return false
	case m.parked > 0:
		m.parked--
		m.seeking++
		q.some.Signal()
		return false
	case m.workers < q.limit:
		m.workers++
		m.seeking++
		return true
	}
	return false
}

// work is one task of the group: it runs items until there are no more.
func (q *feed[T]) work() error {
	q.lock() // its starter has counted it as seeking
	for {
		item, ok := q.takeLocked()
		if !ok {
			return nil
		}
		if err := q.f(q.ctx, item); err != nil {
			return err
		}
		q.lock()
		q.mu.seeking++
	}
}

// takeLocked waits for an item and takes the oldest; it returns false if none
// will come. The caller must be counted as seeking; afterwards it is not. It
// unlocks.
func (q *feed[T]) takeLocked() (item T, ok bool) {
	m := &q.mu
	q.awaitLocked()
	if m.n > 0 && q.ctx.Err() == nil {
		place := &m.ring[m.head]
		item, ok = *place, true
		*place = *new(T) // a long item must not keep earlier ones alive
		m.head = (m.head + 1) % ahead
		m.n--
	}
	m.seeking--
	start := ok && q.callLocked()
	m.Unlock()
	if start {
		q.g.Go(q.run)
	}
	return item, ok
}

// awaitLocked returns when there is an item, or none will come. It lets a
// producer that waits for room go on as soon as the ring is nearly empty. Nothing
// may come between that look and the taking of an item, no yield and no park:
// else the last items could be taken over the head of the producer, and with
// every worker inside f or parked nobody would ever look again.
//
// A producer that is on its way brings the next item sooner than a parked
// worker could be woken, while a slow one would have its workers yield for
// nothing; so patience grows while it pays and shrinks while it does not.
func (q *feed[T]) awaitLocked() {
	m := &q.mu
	for yields := int32(0); ; yields++ {
		if m.blocked && m.n <= refillAt {
			m.blocked = false
			q.room.Signal()
			q.yieldLocked() // the producer comes next on this processor
			continue        // it may be back already, and others may have emptied the ring
		}
		if m.n > 0 || m.closed {
			return
		}
		if m.seeking <= q.seekers && yields < m.patience {
			q.yieldLocked()
			if m.n > 0 {
				m.patience = min(2*m.patience, mostPatience)
			}
			continue
		}
		m.patience = max(m.patience/2, 1)
		m.seeking--
		m.parked++
		q.some.Wait() // whoever wakes it has counted it as seeking
		yields = -1
	}
}

func (q *feed[T]) yieldLocked() {
	q.mu.Unlock()
	runtime.Gosched()
	q.lock()
}
