package drive

// The load: workers that each hold one connection and make one request after
// the other on it, in waves between which the connections stay open.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// protocol is one of the ways in which the service is asked.
type protocol int

const (
	keepAlive protocol = iota
	oneShot
	overH2C
	grpcUnary
	grpcStream

	numProtocols = iota
)

func (p protocol) String() string {
	return [...]string{"http/1.1 keep-alive", "http/1.1 one-shot", "h2c", "grpc unary", "grpc stream"}[p]
}

const (
	// connections is what the contract calls load: so many at least for
	// each protocol, each with a request in flight at the signal.
	connections = 64
	// spare workers make up for those that are between two requests.
	spare = 12
)

// client makes the requests of one worker, one at a time.
type client interface {
	// connect dials if that is not part of a request; a *dialError.
	connect(ctx context.Context) error
	// do makes the n-th request and reads all of its answer.
	do(ctx context.Context, n int) result
	close()
}

// worker owns a client. Its fields belong to the goroutine of the wave that
// is running, and to nobody between two waves.
type worker struct {
	protocol protocol
	client   client
	n        int  // number of the next request
	ended    bool // has been refused: no more load from here
}

// fleet is all workers of a round. Its methods must not be called
// concurrently, except flying and finish.
type fleet struct {
	workers []*worker
	inside  [numProtocols]atomic.Int64 // requests in flight
	over    atomic.Bool                // nobody makes another request
}

// newFleet makes the workers and connects none of them.
func newFleet(a addresses, s sample) *fleet {
	f := new(fleet)
	for i := range connections + spare {
		for p := range protocol(numProtocols) {
			f.workers = append(f.workers, &worker{protocol: p, client: newClient(p, a, s), n: i * 5})
		}
	}
	return f
}

func newClient(p protocol, a addresses, s sample) client {
	switch p {
	case keepAlive, oneShot:
		return &http1{addr: a.http, keep: p == keepAlive}
	case overH2C:
		return newH2C(a.http)
	default:
		return &rpc{addr: a.grpc, sample: s, stream: p == grpcStream}
	}
}

// wave lets every worker make requests until it has made most of them, has
// been refused, or ctx is done, and returns the counts by protocol when the
// last answer has been read.
func (f *fleet) wave(ctx context.Context, most int) (t tallies) {
	counted := make([]tally, len(f.workers))
	var wg sync.WaitGroup
	for i, w := range f.workers {
		wg.Go(func() { w.work(ctx, most, f, &counted[i]) })
	}
	wg.Wait()
	for i, w := range f.workers {
		t[w.protocol].merge(counted[i])
	}
	return t
}

// flying returns how many requests are in flight, on the protocol that has
// the fewest.
func (f *fleet) flying() int {
	least := f.inside[0].Load()
	for i := range f.inside {
		least = min(least, f.inside[i].Load())
	}
	return int(least)
}

// awaitFlying waits until so many requests are in flight on each protocol and
// returns how many there are, fewer if that didn't come true.
func (f *fleet) awaitFlying(ctx context.Context, want int) int {
	ctx, cancel := context.WithTimeout(ctx, flyingTime)
	defer cancel()
	for ctx.Err() == nil {
		if n := f.flying(); n >= want {
			return n
		}
		time.Sleep(50 * time.Microsecond)
	}
	return f.flying()
}

// finish ends a wave that is under way: each worker reads the answer that it
// waits for.
func (f *fleet) finish() { f.over.Store(true) }

func (f *fleet) close() {
	for _, w := range f.workers {
		w.client.close()
	}
}

func (w *worker) work(ctx context.Context, most int, f *fleet, t *tally) {
	inside := &f.inside[w.protocol]
	for i := 0; i < most && !w.ended && !f.over.Load() && ctx.Err() == nil; i++ {
		var r result
		if err := w.client.connect(ctx); err != nil {
			r = ofError(err)
		} else {
			inside.Add(1)
			r = w.client.do(ctx, w.n)
			inside.Add(-1)
		}
		t.add(w.protocol, r, time.Now())
		w.n++
		w.ended = r.outcome == refused || r.outcome == broken
	}
}
