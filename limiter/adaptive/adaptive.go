// Package adaptive is a limit on what is in flight that finds itself: as many as
// keep the server busy, and hardly one more, whatever the server is and becomes.
//
//	limit := adaptive.New(adaptive.Options{Goal: 200 * time.Millisecond})
//	...
//	permit, err := limit.Take(ctx, 1)
//	if err != nil {
//		return err // refused early, instead of served late
//	}
//	defer permit.Release()
//
// A server that is asked for more than it can do has a queue, and a queue has no
// end: soon all wait longer than their clients do, and the server works at full
// speed for nobody. A limit in front of it keeps the queue short. Too high, it
// doesn't; too low, it turns away who could be served; and what is right changes
// with each deploy, each slow disk and each neighbour on the machine. This one
// measures how long a request takes and how many are done a second, at what is in
// flight, and needs no setting.
//
// What it does:
//
//   - While there is no overload, its limit is far away, and hardly anybody is
//     refused. A burst that is over within a fifth of a second passes, as far as it
//     fits in the time that Goal says, in the server or in the line of those who wait.
//   - When a queue stands for longer, the limit goes to the knee: the fewest in
//     flight with which the server is as fast as it can be. Who comes above that
//     waits in front, as short as [Options] say, or is refused at once.
//   - It follows: fewer when the server can do less; more when it can do more; as
//     many as it takes when each request takes longer, which is no overload.
//   - To tell these apart it lowers its limit for a moment, about every five
//     seconds and only during overload, and looks whether requests get faster. All
//     of that costs about 1.5 % of the throughput then.
//
// How well: of 40 workers that take 10 ms, at half and at twice of what they can do,
// halved, and three times as slow, 98 to 100 % of what the best fixed limit of each
// phase gets is answered in time, and the slowest are at most 1.06 times as slow.
// internal/bench/arena measures this and nineteen other scenarios; of 104 phases 87
// have no miss. The worst are bursts of more requests at once than there are workers,
// in overload: 83 %. A design that has no model of a queue, and tries more and less in
// turns, was measured beside it: 73. OPERATING.md has the tables, also of others and of
// made-up scenarios, and what is left to try.
//
// It learns from what its callers do: a [limiter.Permit] that is released says that
// its work was done; [limiter.Permit.Drop] that it was lost to overload further
// down, or took too long; [limiter.Permit.Ignore] that nothing can be learned from it.
// A permit that is never given back stays in flight. Once it is in the way, it is found
// out, by nothing ending for long, and left out of the account; State counts it.
//
// A grant costs two readings of the clock and a few atomic operations, and
// allocates nothing; a call that waits allocates its place in the line, a channel
// and a timer. Release orders memory: what was done before it is visible to whoever
// is granted something after it, as of a mutex. The package starts no goroutine, and
// keeps no channel or timer beyond the wait that it was made for, so that a Limiter
// may serve inside a testing/synctest bubble, outside, and inside the next; what it
// has learned it keeps.
//
// When not to use it: where what is right is known and stays (a database with
// twenty connections wants limiter/semaphore), in front of requests that are
// streams without an end, and for fewer than some ten requests a second. It does
// not know why a server is slow, does not rank requests by what they cost, and does
// not share its limit with other processes. OPERATING.md is for those who run it.
package adaptive

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/rank"
	"github.com/belay-go/belay/limiter"
)

// Options are the settings of [New]. The zero value is the one to begin with.
type Options struct {
	// Goal is how long a request may take, from when it is granted, so that it is
	// of use: the latency that the service promises. It bounds how much may queue in
	// a burst, or where little is lost by it. Zero is four times what a request
	// takes alone, as measured; negative is the same.
	Goal time.Duration

	// Min and Max bound the limit, in units; it stays within them whatever is
	// measured. Zero is 1 and 10,000; more than 1,000,000 is 1,000,000.
	Min, Max int64

	// Initial is the limit, in units, before anything is known. Zero is 20.
	Initial int64

	// Queue is how many calls of Take may wait at the same time. The next is refused,
	// or takes the place of one that has less right to it: of a lower priority, or
	// of the caller with the most of them. Zero is 1,000; negative is none.
	Queue int

	// Wait is how long a call of Take waits at most. Zero is what [Options].Goal leaves
	// of the time that a request takes now, negative is no bound. Whoever is known to
	// wait longer is refused at once.
	Wait time.Duration

	// NewestFirst serves the last who came first, of each caller, while the line
	// has been standing for a fifth of a second. The wait of those who are served is
	// short then, and the others, whose clients may be gone, run into their Wait.
	NewestFirst bool

	// WaitTime has [Limiter.Stats] say how long calls waited.
	WaitTime bool
}

// most is the highest limit: what the tallies have room for, and more than any
// process can serve.
const most = 1_000_000

// Limiter is a limit that finds itself. It is a [limiter.Limiter], and fits
// errgroup's shared limit. Use [New]; whoever takes from a zero Limiter, or sets its
// Max, panics with "adaptive: use New". All methods may be called concurrently. A
// Limiter must not be copied after first use.
type Limiter struct {
	// word is what is in flight, in units, times two, and one more while calls wait:
	// then nobody passes them.
	word  atomic.Int64
	limit atomic.Int64 // written with mu held
	due   atomic.Int64 // no window ends before; written with mu held
	account

	queue       int
	patience    time.Duration
	newestFirst bool
	timed       bool
	rank        rank.Rank

	refused   atomic.Uint64
	cancelled atomic.Uint64
	full      atomic.Pointer[limiter.RefusedError] // the refusal of these days

	mu struct {
		sync.Mutex
		law    law
		books  books
		looked time.Duration // last
		seen   float64       // of the area of the window that goes on, by then
		stuck  int64         // in flight, and not going to end: see lookLocked
		line   line
		total  uint64 // as Stats said last
		waited uint64
		waits  belay.WaitHistogram
	}
}

// New returns a Limiter with nothing in flight. It panics with "adaptive: Min >
// Max" if Min is above Max, both as given or by default, and with "adaptive:
// negative Min, Max or Initial" if one of them is negative.
func New(o Options) *Limiter {
	if o.Min < 0 || o.Max < 0 || o.Initial < 0 {
		panic("adaptive: negative Min, Max or Initial")
	}
	l := &Limiter{patience: o.Wait, newestFirst: o.NewestFirst, timed: o.WaitTime, queue: o.Queue}
	if o.Queue == 0 {
		l.queue = 1000
	}
	law := &l.mu.law
	law.goal = max(0, o.Goal).Seconds()
	law.min = float64(min(or(o.Min, 1), most))
	law.initial = float64(or(o.Initial, 20))
	if or(o.Max, max(10_000, o.Min)) < or(o.Min, 1) {
		panic("adaptive: Min > Max")
	}
	law.max = float64(min(or(o.Max, max(10_000, o.Min)), most))
	law.set(law.initial)
	now := reading()
	law.rebase(now)
	l.mu.books.begin, l.mu.looked = now, now
	l.publishLocked(now)
	return l
}

func or(n, without int64) int64 {
	if n == 0 {
		return without
	}
	return n
}

// SetMax changes the most that the limit may be, in units, from now on: to hold a
// server down, by hand. What is in flight stays so. If there is no overload, the
// limit may be Initial again at once, and who waits goes on; else it rises as it
// always does. Min follows, if it is above n. It panics with "adaptive: Max < 1" if n
// is less than 1.
func (l *Limiter) SetMax(n int64) {
	if n < 1 {
		panic("adaptive: Max < 1")
	}
	l.mustBeNew()
	l.mu.Lock()
	defer l.mu.Unlock()
	law := &l.mu.law
	law.max = float64(min(n, most))
	law.min = min(law.min, law.max)
	if law.phase == free {
		law.limit = max(law.limit, law.initial)
	}
	law.set(law.limit)
	l.publishLocked(reading())
	l.serveLocked()
}
