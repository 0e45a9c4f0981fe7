package limiter

// This file takes from several limits as if they were one.
//
// Limits on what is in flight come first, as one has to wait for them and
// nobody knows how long; tokens taken before such a wait would lie about.
// Of these limits everybody takes in one order, the limits' own, so two takers
// never wait for each other. Rates come last: what they ask for is known at
// once, so a request books with all of them and then waits for the latest turn,
// or goes without one token less.

import (
	"cmp"
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
)

// ranked is a limit that others may hold while they wait for the next. All such
// limits have numbers, in one order for the whole process.
type ranked interface{ Rank() uint64 }

// paced is a limit that says in advance when units can be used. Book takes n of
// them if that is within patience, and returns after what wait it is.
type paced interface {
	Book(n int64, patience time.Duration) (p Permit, wait time.Duration, err error)
}

type booker func(n int64, patience time.Duration) (Permit, time.Duration, error)

// Composite is several limits as one, made by [All]. All methods may be called
// concurrently.
// A release orders memory as each of its limits does.
type Composite struct {
	given int
	held  []part // ascending by rank, and then those that have none
	rates []part

	mu struct {
		sync.Mutex
		stats belay.Stats
	}
}

// part is one limit of a composite.
type part struct {
	Limiter
	given []int  // its places among those given to All: more than one if it is in several
	rank  uint64 // 0: none
	book  booker // nil: held
}

// All returns the limits as one that takes from all of them or from none.
//
// Whatever their order here, it takes first from the limits on what is in
// flight, in the order in which they were first composed, so that two
// compositions of the same limits never wait for each other in a circle. Then
// it books with all rates at once and waits for the latest turn, which does not
// move any more where there are several rates. A refusal by one of them gives
// back what the others gave, tokens included.
//
// A limit that is neither a semaphore nor a rate of this module, nor one of
// these inside Shadow or Watch, is taken from after the semaphores, in the order
// here: give such limits in one order everywhere.
//
// Compositions may be composed again; they count as their limits. A limit on what
// is in flight that is there twice, here or within, is taken from once, with the
// sum of what it costs: who takes from it twice can wait for another who does, and
// each has what the other needs. A rate that is there twice is booked with twice.
// Without any limit everything is granted.
//
// All panics with
//
//   - "limiter: All with a nil limiter" if a limit is nil;
//   - "limiter: All with a composition inside Shadow or Watch", as its limits
//     could not be taken from in that order: compose what is inside Shadow and
//     Watch, or put these around the whole;
//   - "limiter: All with one limit in several guises" if a limit on what is in
//     flight is there both by itself and inside Shadow or Watch, or in two of
//     these: it can't be taken from once then.
func All(limits ...Limiter) *Composite {
	c := &Composite{given: len(limits)}
	for i, l := range limits {
		c.add(l, i)
	}
	slices.SortStableFunc(c.held, func(a, b part) int {
		return cmp.Compare(a.rank-1, b.rank-1) // none is the last, by wrapping around
	})
	return c
}

// add adds a limit that was given at these places.
func (c *Composite) add(l Limiter, given ...int) {
	if l == nil {
		panic("limiter: All with a nil limiter")
	}
	if inner, ok := l.(*Composite); ok {
		for _, p := range slices.Concat(inner.held, inner.rates) {
			c.add(p.Limiter, slices.Repeat(given, len(p.given))...)
		}
		return
	}
	core := coreOf(l)
	if _, ok := core.(*Composite); ok {
		panic("limiter: All with a composition inside Shadow or Watch")
	}
	p := part{Limiter: l, given: given, rank: rankOf(core), book: bookerOf(l)}
	if p.book != nil {
		c.rates = append(c.rates, p)
		return
	}
	for i := range c.held {
		switch other := &c.held[i]; {
		case same(l, other.Limiter):
			other.given = append(other.given, given...)
			return
		case p.rank != 0 && p.rank == other.rank, same(core, coreOf(other.Limiter)):
			panic("limiter: All with one limit in several guises")
		}
	}
	c.held = append(c.held, p)
}

// coreOf returns what is inside Shadow and Watch.
func coreOf(l Limiter) Limiter {
	for {
		switch outer := l.(type) {
		case *Shadowed:
			l = outer.limit
		case *Watched:
			l = outer.limit
		default:
			return l
		}
	}
}

// rankOf returns the rank of a limit, 0 if it has none.
func rankOf(core Limiter) uint64 {
	if l, ok := core.(ranked); ok {
		return l.Rank()
	}
	return 0
}

// same reports whether two are one limit. A stranger's may be of a type that
// can't be compared; such a value is no other's.
func same(a, b Limiter) bool { return reflect.ValueOf(a).Comparable() && a == b }

// bookerOf returns how to book with a limit, nil if that can't be done.
func bookerOf(l Limiter) booker {
	switch l := l.(type) {
	case *Shadowed:
		if book := bookerOf(l.limit); book != nil {
			return l.booker(book)
		}
	case *Watched:
		if book := bookerOf(l.limit); book != nil {
			return l.booker(book)
		}
	case paced:
		return l.Book
	}
	return nil
}

// Take takes n units from each limit, as [Composite.TakeEach] does: twice as many
// from one that is there twice.
func (c *Composite) Take(ctx context.Context, n int64) (Permit, error) {
	return c.take(ctx, costs{all: n})
}

// TakeEach takes from each limit what it costs there, in the order in which the
// limits were given to All: one place and a thousand bytes, for example. It may
// wait, and returns a permit once it has everything. Otherwise it has taken
// nothing, and the error is one that Is both ctx.Err() and the context's cause, if ctx is
// done, or that of the limit that refused. If it was a rate, the [RefusedError]
// carries the longest RetryAfter of all rates, and Is [ErrTooLate] if the wait would
// outlast ctx's deadline.
//
// [Permit.Settle] puts right the cost on the rates; what is in flight stays so
// until [Permit.Release].
//
// It panics with "limiter: one cost for each limit" if there are more or fewer
// costs than limits, with "limiter: Take with a nil context" if ctx is nil, and
// with "limiter: n < 0" for a negative cost.
func (c *Composite) TakeEach(ctx context.Context, cost ...int64) (Permit, error) {
	return c.take(ctx, c.costs(cost))
}

// TryTake takes n units from each limit, as [Composite.TryTakeEach] does.
func (c *Composite) TryTake(n int64) (Permit, error) { return c.tryTake(costs{all: n}) }

// TryTakeEach is [Composite.TakeEach] that never waits: the error is a
// [*RefusedError], that of the limit that refused; if it was a rate, with the
// longest RetryAfter of all rates.
func (c *Composite) TryTakeEach(cost ...int64) (Permit, error) { return c.tryTake(c.costs(cost)) }

// costs are what the limits cost, by their places among those given.
type costs struct {
	each []int64 // nil: all the same
	all  int64
}

func (c *Composite) costs(each []int64) costs {
	if len(each) != c.given {
		panic("limiter: one cost for each limit")
	}
	return costs{each: each}
}

// of returns the sum of what the limit costs at its places; it saturates.
func (c costs) of(p *part) (sum int64) {
	for _, i := range p.given {
		n := c.all
		if c.each != nil {
			n = c.each[i]
		}
		sum += min(n, math.MaxInt64-sum)
	}
	return sum
}

func (c costs) mustNotBeNegative() {
	if c.all < 0 {
		panic("limiter: n < 0")
	}
	for _, n := range c.each {
		if n < 0 {
			panic("limiter: n < 0")
		}
	}
}

func (c *Composite) take(ctx context.Context, cost costs) (Permit, error) {
	if ctx == nil {
		panic("limiter: Take with a nil context")
	}
	cost.mustNotBeNegative()
	if err := ctxerr.Of(ctx); err != nil {
		return Permit{}, c.count(err)
	}
	var some [8]Permit
	taken := some[:0]
	for i := range c.held {
		p, err := c.held[i].Take(ctx, cost.of(&c.held[i]))
		if err != nil {
			giveBack(taken)
			return Permit{}, c.count(err)
		}
		taken = append(taken, p)
	}
	taken, err := c.takeRates(ctx, taken, cost)
	if err != nil {
		giveBack(taken)
		return Permit{}, c.count(err)
	}
	return newBundle(taken, len(c.held)), nil
}

// takeRates takes from all rates and waits for the latest turn. A wait for a
// single one is that rate's own, as it moves its waiters when it is changed.
func (c *Composite) takeRates(ctx context.Context, taken []Permit, cost costs) ([]Permit, error) {
	if len(c.rates) == 1 {
		p, err := c.rates[0].Take(ctx, cost.of(&c.rates[0]))
		if err == nil {
			taken = append(taken, p)
		}
		return taken, err
	}
	taken, wait, err := c.book(taken, cost, patience(ctx), ErrTooLate)
	if err == nil && wait > 0 {
		err = c.wait(ctx, wait)
	}
	return taken, err
}

func (c *Composite) tryTake(cost costs) (Permit, error) {
	cost.mustNotBeNegative()
	var some [8]Permit
	taken := some[:0]
	for i := range c.held {
		p, err := c.held[i].TryTake(cost.of(&c.held[i]))
		if err != nil {
			giveBack(taken)
			return Permit{}, c.count(err)
		}
		taken = append(taken, p)
	}
	taken, _, err := c.book(taken, cost, 0, ErrLimited)
	if err != nil {
		giveBack(taken)
		return Permit{}, c.count(err)
	}
	return newBundle(taken, len(c.held)), nil
}

// book books with all rates and returns taken with their permits, and the
// longest wait. If one refuses, the others are asked all the same: the caller
// is to come back when all of them have tokens.
func (c *Composite) book(taken []Permit, cost costs, patience time.Duration, reason error) ([]Permit, time.Duration, error) {
	var longest time.Duration
	var refused error
	for i := range c.rates {
		p, wait, err := c.rates[i].book(cost.of(&c.rates[i]), patience)
		if err == nil {
			taken = append(taken, p)
			longest = max(longest, wait)
			continue
		}
		why, ok := errors.AsType[*RefusedError](err)
		if !ok || errors.Is(err, ErrTooLarge) {
			return taken, 0, err
		}
		refused = reason
		longest = max(longest, why.RetryAfter)
	}
	if refused != nil {
		return taken, 0, &RefusedError{Reason: refused, RetryAfter: longest}
	}
	return taken, longest, nil
}

// patience returns how long a turn may be away so that it comes before ctx's
// deadline. A turn at the very deadline is too late, one that is there already
// is not.
func patience(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return math.MaxInt64
	}
	return max(0, time.Until(deadline)-1)
}

// wait waits for a turn. If that and the end of ctx meet, the context wins.
func (c *Composite) wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.mu.stats.Waiting++
	c.mu.Unlock()
	began := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	err := ctxerr.Of(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.stats.Waiting--
	if err == nil {
		c.mu.stats.Waited++
		c.mu.stats.WaitTime.Observe(time.Since(began))
	}
	return err
}

// giveBack undoes what was granted, as if it had never been taken.
func giveBack(taken []Permit) {
	defer releaseAll(taken, 0)
	for _, p := range slices.Backward(taken) {
		p.Settle(0)
	}
}

// count counts a failure, and returns it.
func (c *Composite) count(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := errors.AsType[*RefusedError](err); ok {
		c.mu.stats.Refused++
	} else {
		c.mu.stats.Cancelled++
	}
	return err
}

// Stats returns what the composition did beyond its limits, each of which has
// statistics of its own: Refused counts the calls that one of the limits
// refused, Cancelled those whose context ended; Waiting, Waited and WaitTime are
// of waits for a turn that several rates gave. The rest stays zero. It takes
// constant time.
func (c *Composite) Stats() belay.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.stats
}
