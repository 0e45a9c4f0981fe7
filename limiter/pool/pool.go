// Package pool keeps resources that are dear to open, such as connections, and
// lends each to one caller at a time: no more than so many are open at once, who
// waits is served in order, and what is too old or broken is replaced.
//
//	conns := pool.New(pool.Options[net.Conn]{
//		MaxOpen: 10,
//		Open:    func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) },
//		Close:   func(c net.Conn) { c.Close() },
//	})
//	h, err := conns.Get(ctx)
//	if err != nil {
//		return err // ctx is done, the dial failed, or the pool is closed: nothing was taken
//	}
//	defer h.Release()
//	use(h.Value()) // and h.Discard() once it is broken
//
// What holds at any time:
//
//   - No more than MaxOpen resources exist, those that are being opened or
//     closed included. A Close that hangs keeps its place.
//   - First come, first served: while anyone waits, nobody passes.
//   - A resource has one holder. It goes back once, by whatever comes first of
//     [Handle.Release], [Handle.Discard] and [Handle.Detach]; all that comes
//     later does nothing or panics, as those say, also when somebody else has the
//     resource by then.
//   - What is past its lifetime is lent to nobody, however busy it is, and what was
//     idle for some time only after a check.
//
// [Pool.Get] gives up when its context ends and has taken nothing then. An Open
// that it had begun goes on, with the values of that context, and what it opens
// serves the next in line or stays idle. If it fails, the next who waits has one
// begun for itself: an error of Open goes to the caller for whom it was begun, and
// to no other. A panic of Open goes there too, as a [*belay.PanicError]
// that is raised again; if that caller has left, it crashes the process, as does a
// panic of Close, and of Check in idle time. One of Check that Get has called
// passes through Get, and the resource is closed.
// [runtime.Goexit] in Open is an error, [belay.ErrGoexit].
//
// # Goroutines
//
// The pool has none that stays. There is one for each Open and each Close while
// it runs, so that one that hangs holds up nobody who has a context, and one
// at a time for the upkeep that a call finds due ([Pool.Tend]). Each ends with what
// it was begun for; [Pool.Counts] counts them and [Pool.Close] waits for
// them. A pool that nobody calls does nothing: what is idle in it stays open until
// the next call, the next Tend, or Close. A pool that is dropped without Close
// leaves its resources to the garbage collector.
//
// # Forgotten and misused
//
// A handle that is never released keeps its resource for ever; [Pool.Track] finds
// out who has it. Who waits for a second resource while holding one can wait
// for another who does the same, as with every limit: the holders' stacks show it.
// What a holder panics with is not the pool's to see: defer the Release, or the
// Discard where the resource may be halfway through something.
//
// What was done before a resource was given back is visible to its next holder,
// and what Open did to the first; the same holds for places given back and taken.
//
// # Places
//
// A Pool is a [limiter.Limiter] over its places. [Pool.Take] takes places for
// resources that the pool doesn't know, so that all together stay within MaxOpen:
// a connection that the program dials itself and keeps, or one that [Handle.Detach]
// took out. Idle resources are closed to make room. A permit gives no resource; to
// hold one and call Get takes two places, and in a pool of one waits for itself.
//
// A call that finds an idle resource allocates nothing, and reads the clock once
// and only if the options have times in them. No channel or timer outlives
// the wait it was made for, so one pool may serve inside a testing/synctest
// bubble, outside, and inside the next, as far as its resources may.
//
// When not to use it: in front of what pools by itself (database/sql, net/http, most
// clients of Redis), where a second pool hides the first; for connections that carry
// many requests at once, of which one is enough; and for mere memory, which sync.Pool
// is for.
//
// It does not know keys (have one pool for each), does not retry an Open, balance
// or cache, and takes nothing away from a holder.
package pool

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/fifo"
	"github.com/belay-go/belay/internal/rank"
	"github.com/belay-go/belay/limiter"
)

// ErrClosed reports that the pool is closed, or was while the call waited. It is
// the reason of a [limiter.RefusedError]. Compare with [errors.Is].
var ErrClosed = errors.New("pool: closed")

// The refusals of a pool. When there is room again depends on others.
var (
	errClosed   = &limiter.RefusedError{Reason: ErrClosed, RetryAfter: math.MaxInt64, NoWait: true}
	errTooLarge = &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: math.MaxInt64}
	errFull     = &limiter.RefusedError{Reason: limiter.ErrFull}
	errNoWait   = &limiter.RefusedError{Reason: limiter.ErrFull, NoWait: true}
)

// Options are the settings of [New]. Of each time, zero is the default and
// negative means none.
type Options[T any] struct {
	// Open opens a resource. Its context has the values of the Get that it was
	// begun for, but ends only by Timeout and by Pool.Close. It must be set.
	Open func(ctx context.Context) (T, error)
	// Close ends a resource that the pool has no more use for; nil if there is
	// nothing to do. It should not take long, as the place is free only after it.
	Close func(T)
	// Check says by an error that a resource can't be used any more; nil if
	// nobody can tell. It must heed its context: Get calls it with its own, and
	// waits for it. One that is cut short has the resource closed. Where it fails,
	// Get keeps its turn, and goes on with what else is idle, then with an Open.
	Check func(ctx context.Context, resource T) error

	// MaxOpen is how many resources may exist. It must be at least 1.
	MaxOpen int
	// MaxIdle is how many may be idle; what is given back beyond that has the
	// one idle for longest closed. Zero is MaxOpen, negative is none.
	MaxIdle int
	// MinIdle is how many should be idle, in reserve: a call that leaves fewer
	// begins to open one, while there are places. It is at most MaxIdle.
	MinIdle int
	// OldestFirst lends what is idle for longest, so that all are used in turn.
	// Else the last that was given back is lent first, so that those which are
	// not needed get idle for long enough to be closed.
	OldestFirst bool
	// Queue is how many calls may wait at the same time for something to be given
	// back; the next is refused with [limiter.ErrFull]. Those do not count that only
	// wait for as many calls of Open and Close. Zero is any number, negative is
	// none.
	Queue int

	// MaxLifetime is how long after it was opened a resource is lent. The default
	// is for ever.
	MaxLifetime time.Duration
	// Jitter is by how much, at most, a lifetime is shorter than that, at random,
	// so that what was opened together is not closed together. The default
	// is a tenth of MaxLifetime.
	Jitter time.Duration
	// MaxIdleTime is how long a resource may be idle. The default is for ever.
	MaxIdleTime time.Duration
	// CheckAfter is how long after a resource was last used or checked it has to
	// pass Check before it is lent. The default is one second; negative is at once,
	// so that only what was just opened is not checked.
	CheckAfter time.Duration
	// TendEvery is how often calls of Get and Release see to what is idle, as
	// [Pool.Tend] does, beside the caller. The default is 30 seconds, negative is
	// never.
	TendEvery time.Duration
	// Timeout is what an Open, and a Check of what is idle, may take. The cause of
	// their context is a [*ctxutil.TimeoutError] then. The default is a minute.
	Timeout time.Duration
	// WaitTime has [Pool.Stats] say how long calls waited; it reads the clock
	// twice for each wait.
	WaitTime bool
}

// Pool is a pool of resources. It must be made by [New]: the zero value panics
// with "pool: not made by New". It must not be copied. All methods may be called
// concurrently.
type Pool[T any] struct {
	o        Options[T] // set by New, with the defaults filled in
	timed    bool       // set by New: some option needs the time of every call
	tracking atomic.Bool
	rank     rank.Rank
	elems    sync.Pool // of *elem[T] in no line, without a channel

	mu struct {
		sync.Mutex
		closed  bool
		tending bool                   // a goroutine of upkeep runs
		count   [states]int64          // entries in each state
		places  int64                  // taken by permits
		all     fifo.Line[*entry[T]]   // all entries
		idle    fifo.Line[*entry[T]]   // those in that state, idle for longest first
		line    fifo.Line[waiter[T]]   // its first can't be served yet
		ends    map[chan struct{}]bool // closed and gone once nothing is left, for Close

		tended instant // the last upkeep; zero if none
		round  uint64  // of checks of what is idle
		broken uint64  // how many were found broken; what was seen before that is checked
		failed instant // the last Open, if without an owner; zero if none
		stats  belay.Stats
		counts Counts
	}
}

// New returns a pool in which nothing is open. It panics with "pool: no Open" if
// there is none, with "pool: MaxOpen < 1", and with "pool: MinIdle > MaxIdle" if
// so many may not be idle.
func New[T any](o Options[T]) *Pool[T] {
	switch {
	case o.Open == nil:
		panic("pool: no Open")
	case o.MaxOpen < 1:
		panic("pool: MaxOpen < 1")
	}
	if o.MaxIdle == 0 || o.MaxIdle > o.MaxOpen {
		o.MaxIdle = o.MaxOpen
	}
	o.MaxIdle = max(o.MaxIdle, 0)
	if o.MinIdle > o.MaxIdle {
		panic("pool: MinIdle > MaxIdle")
	}
	o.Jitter = min(orDefault(o.Jitter, o.MaxLifetime/10), o.MaxLifetime)
	o.CheckAfter = orDefault(o.CheckAfter, time.Second)
	o.TendEvery = orDefault(o.TendEvery, 30*time.Second)
	o.Timeout = orDefault(o.Timeout, time.Minute)
	return &Pool[T]{
		o:     o,
		timed: o.MaxLifetime > 0 || o.MaxIdleTime > 0 || o.MinIdle > 0 || o.Check != nil,
	}
}

func orDefault(d, preset time.Duration) time.Duration {
	if d == 0 {
		return preset
	}
	return d
}

// Get lends a resource: one that is idle, else the first that is given back or,
// if there is a place, opened. It waits in line for that. Otherwise nothing was
// taken, and the error is
//
//   - one that Is both ctx.Err() and the context's cause, if ctx is done before
//     the call or gets done during it;
//   - what Open returned, when that was begun for this call;
//   - a [*limiter.RefusedError] that is [ErrClosed], or [limiter.ErrFull] if as
//     many calls wait as may.
//
// It panics with "pool: Get with a nil context" if ctx is nil.
func (p *Pool[T]) Get(ctx context.Context) (Handle[T], error) {
	if ctx == nil {
		panic("pool: Get with a nil context")
	}
	if ctx.Err() != nil {
		return Handle[T]{}, p.done(ctx)
	}
	now := p.now()
	p.lock()
	e, err := p.popLocked(now)
	if e != nil {
		p.upkeepLocked(now)
	}
	p.mu.Unlock()
	if e == nil && err == nil {
		e, err = p.wait(ctx, waiter[T]{}, now)
	}
	for err == nil && p.o.Check != nil && e.suspect {
		if p.check(ctx, e) {
			break
		}
		if over(ctx) {
			p.drop(e)
			return Handle[T]{}, p.done(ctx)
		}
		e, err = p.wait(ctx, waiter[T]{broken: e}, p.now()) // the check took its time
	}
	if err != nil {
		return Handle[T]{}, err
	}
	return p.lend(e), nil
}

// Take takes n places, by the rules of [limiter.Limiter], for resources that are
// not the pool's: see the package's doc. It waits in line with the calls of Get,
// and has idle resources closed when it is first there. No place is nothing, and is
// granted at once. Besides the error of a ctx that is done there are
// [*limiter.RefusedError]s: [limiter.ErrTooLarge] for more than MaxOpen,
// [limiter.ErrFull] if as many calls wait as may, and [ErrClosed].
//
// Take panics with "pool: n < 0" if n is negative and with "pool: Take with a nil
// context" if ctx is nil.
func (p *Pool[T]) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	if ctx == nil {
		panic("pool: Take with a nil context")
	}
	mustNotBeNegative(n)
	if ctx.Err() != nil {
		return limiter.Permit{}, p.done(ctx)
	}
	err := p.tryTake(n)
	if err == errFull {
		_, err = p.wait(ctx, waiter[T]{n: n}, p.now())
	} else if err != nil {
		p.refuse()
	}
	if err != nil || n == 0 {
		return limiter.Permit{}, err
	}
	return limiter.NewPermit((*places[T])(p), n), nil
}

// TryTake takes n places if there are so many in which no resource is, not even
// an idle one, and nobody waits. The errors are the [*limiter.RefusedError]s of
// Take, and TryTake panics as Take does.
func (p *Pool[T]) TryTake(n int64) (limiter.Permit, error) {
	mustNotBeNegative(n)
	if err := p.tryTake(n); err != nil {
		p.refuse()
		return limiter.Permit{}, err
	}
	if n == 0 {
		return limiter.Permit{}, nil
	}
	return limiter.NewPermit((*places[T])(p), n), nil
}

func (p *Pool[T]) tryTake(n int64) error {
	p.lock()
	defer p.mu.Unlock()
	switch {
	case p.mu.closed:
		return errClosed
	case n > int64(p.o.MaxOpen):
		return errTooLarge
	case n > 0 && (p.mu.line.Len() > 0 || n > p.freeLocked()):
		return p.fullLocked(n)
	}
	p.mu.places += n
	p.mu.stats.Total += uint64(n)
	return nil
}

// places is a pool as its permits know it.
type places[T any] Pool[T]

// Release gives back n places.
func (l *places[T]) Release(n int64) {
	p := (*Pool[T])(l)
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.places -= n
	p.settleLocked(now)
}

// done counts a call whose context is done, and returns the error.
func (p *Pool[T]) done(ctx context.Context) error {
	p.lock()
	p.mu.stats.Cancelled++
	p.mu.Unlock()
	return ctxerr.Of(ctx)
}

func (p *Pool[T]) refuse() {
	p.mu.Lock()
	p.mu.stats.Refused++
	p.mu.Unlock()
}

// fullLocked is the refusal for want of room for n places, or a resource if that
// is zero: errFull only to whom may wait. Calls for which there will be something
// once what is being opened or closed is done, or can be, wait for nobody else.
func (p *Pool[T]) fullLocked(n int64) *limiter.RefusedError {
	behind := p.mu.line.Len() - p.mu.count[opening]
	soon := p.freeLocked() + p.mu.count[closing]
	switch {
	case n == 0:
		behind -= soon
	case p.mu.line.Len() == 0 && n <= soon+p.mu.idle.Len():
		return errFull
	}
	if p.o.Queue != 0 && behind >= max(0, int64(p.o.Queue)) {
		return errNoWait
	}
	return errFull
}

// lock locks a pool that New has made.
func (p *Pool[T]) lock() {
	if p.o.MaxOpen == 0 {
		panic("pool: not made by New")
	}
	p.mu.Lock()
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("pool: n < 0")
	}
}
