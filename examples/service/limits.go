package main

// What decides whether a request is served at all: first the client's own
// rate, then the bound for the whole. Http asks here by its
// middleware; for grpc, rpclimits.go does the same.
//
// The bound for requests finds itself, from how long they take. Of a stream, and of
// what only waits, that says nothing of the service, so they have a bound of their
// own, which is fixed.

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/semaphore"
)

const (
	// defaultConcurrency is the most requests, and the most streams, served at
	// once, however fast they are. No flag sets it, the limits file does.
	defaultConcurrency = 1024
	// queueTime is how long a request may wait for one of the others to end
	// before it is turned away, and how long it should take at most: longer than
	// a burst, and shorter than the patience of those who wait for it.
	queueTime = time.Second
)

// errBusy: the service as a whole has no room, and had none for queueTime.
var errBusy = errors.New("service: too many requests at once")

// limits is the admission control, with settings that can be changed while
// requests are in flight. It is safe for concurrent use.
type limits struct {
	settings atomic.Pointer[settings]
	clients  atomic.Pointer[keyed.Rate[string]]
	whole    *adaptive.Limiter
	streams  *semaphore.Weighted
}

func newLimits(s settings) *limits {
	most := int64(s.concurrency)
	l := &limits{
		whole:   adaptive.New(adaptive.Options{Goal: queueTime, Wait: queueTime, Max: most, WaitTime: true}),
		streams: semaphore.New(semaphore.Options{Size: most, WaitTime: true}),
	}
	l.set(s)
	return l
}

// set changes the limits for the requests that come from now on, and for those
// that wait. If the rate is another one, all clients begin with what it gives at
// once, and are counted anew; else they keep what they have. One set at a time.
func (l *limits) set(s settings) {
	if was := l.settings.Swap(&s); was == nil || was.rate != s.rate {
		l.clients.Store(newClientRates(s.rate))
	}
	l.whole.SetMax(int64(s.concurrency))
	l.streams.Resize(int64(s.concurrency))
}

// waiting returns how many requests and streams wait for others to end.
func (l *limits) waiting() int64 { return l.whole.Stats().Waiting + l.streams.Stats().Waiting }

// client returns the limit of one client.
func (l *limits) client(name string) limiter.Limiter { return l.clients.Load().For(name) }

// around puts the limits around a handler: the client's, and the one for all such.
// refused is told who was turned away.
func (l *limits) around(bound limiter.Limiter, h http.Handler, refused func(*http.Request, error)) http.Handler {
	perClient := httplimit.PerKey(httplimit.ByAddr, l.client, httplimit.Options{
		Name:      "client",
		OnRefused: func(r *http.Request, why httplimit.Refusal) { refused(r, why.Err) },
	})
	whole := httplimit.Shared(bound, httplimit.Options{
		Name: "service",
		Hide: true, // how busy the service is is nobody's business
		Wait: queueTime,
		OnRefused: func(r *http.Request, why httplimit.Refusal) {
			refused(r, busy(r.Context(), why.Err))
		},
	})
	return perClient(whole(h))
}

// busy says of a wait that has failed whose fault that was: nobody's who is
// gone.
func busy(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errBusy
}
