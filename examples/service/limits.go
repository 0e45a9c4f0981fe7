package main

// What decides whether a request is served at all: first the client's own
// rate, then the bound for the whole. Both protocols ask here.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter/semaphore"
)

const (
	// defaultConcurrency is the most requests served at once. No flag sets
	// it, the limits file does.
	defaultConcurrency = 1024
	// queueTime is how long a request may wait for one of the others to end
	// before it is turned away: enough for a burst, too short for a queue
	// that only grows.
	queueTime = 100 * time.Millisecond
)

// errBusy: the service as a whole has no room.
var errBusy = errors.New("service: too many requests at once")

// tooFast: one client asks more often than it may.
type tooFast struct{ retryAfter time.Duration }

func (e *tooFast) Error() string {
	return fmt.Sprintf("service: too many requests from this address, retry in %v", e.retryAfter)
}

// limits is the admission control, with settings that can be replaced while
// requests are in flight. It is safe for concurrent use.
type limits struct{ now atomic.Pointer[limitSet] }

// limitSet is one generation of limits. A request gives back what it took to
// the generation it took it from, so right after a change the old and the new
// one may be used up at the same time.
type limitSet struct {
	settings
	clients *clients
	whole   *semaphore.Weighted
}

func newLimits(s settings) *limits {
	l := new(limits)
	l.set(s)
	return l
}

// set replaces the limits for the requests that come from now on.
func (l *limits) set(s settings) {
	l.now.Store(&limitSet{
		settings: s,
		clients:  newClients(s.rate),
		whole:    semaphore.NewWeighted(int64(s.concurrency)),
	})
}

// admit lets one request of the client in and returns what must be called
// when it has ended. Otherwise the error is a *tooFast, errBusy, or that of a
// ctx which is done; then no place is taken, but the client may have spent a
// token: asking counts.
func (l *limits) admit(ctx context.Context, client string) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	set := l.now.Load()
	if wait, ok := set.clients.allow(client); !ok {
		return nil, &tooFast{retryAfter: wait}
	}
	if err := set.enter(ctx); err != nil {
		return nil, err
	}
	return func() { set.whole.Release(1) }, nil
}

// enter takes a place, for which it may wait a little.
func (set *limitSet) enter(ctx context.Context) error {
	// Without this first try a goroutine that got no processor for all of
	// queueTime would be turned away from an empty house: an acquire with a
	// done context fails, whatever is free.
	if set.whole.TryAcquire(1) {
		return nil
	}
	queue, cancel := ctxutil.ShrinkNamed(ctx, "queue", queueTime)
	defer cancel()
	if set.whole.Acquire(queue, 1) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errBusy
}

// clientOf is what clients are told apart by: the address without the port.
func clientOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote // a socket without ports
}
