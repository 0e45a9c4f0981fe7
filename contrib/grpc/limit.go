package belaygrpc

// This file is the limit: what its interceptors have in common, whichever side
// they are on.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
)

// Options are the settings of a [Limit]. The zero value is ready to use. The
// functions in it may be called concurrently.
type Options struct {
	// Name is that of the limit in the text of refusals, and the one by which
	// [PermitOf] finds the permit: "default" if empty.
	Name string
	// Hide leaves the name, and what was refused, out of what clients get to read.
	Hide bool

	// Wait is how long a call may wait for its turn. It is refused at once if that
	// is known to be later. Zero, or less: no call waits.
	Wait time.Duration
	// Cost says how many units a call takes; must not be negative. If nil, each
	// takes one.
	Cost func(ctx context.Context, call Call) int64
	// Messages makes a stream pay for each message that its client sends, instead
	// of once for all. On the server, one that is refused was received: RecvMsg
	// returns the refusal, for the handler to return. Its permit is held until the
	// next RecvMsg or the stream's end. On the client, SendMsg returns the refusal,
	// the stream is aborted, and a permit is held for no longer than SendMsg.
	Messages bool
	// Settle gives the handler access to its permit, by [PermitOf], for costs that
	// are known only afterwards. It doesn't work for Messages, nor for clients.
	Settle bool

	// Probes are the methods whose calls bypass the limit: "/service/method", or
	// "/service/" for all of a service. If nil, they are the health service and
	// both versions of reflection, which are used to look at a server that is
	// saturated; if empty, there are none.
	Probes []string

	// RetryAfter is when a refused call may come back where nobody can know that,
	// as others have to release first; up to a fifth is added. Zero is a second,
	// negative means that nothing is sent.
	RetryAfter time.Duration
	// Refuse returns the status of a refusal instead of that of the package doc;
	// nil, or one that is OK, stands for that. RetryInfo is added to a status that
	// has no such detail.
	Refuse func(ctx context.Context, call Call, why Refusal) *status.Status
	// OnRefused is called for each call, or message, that is refused: to count it,
	// or to log it.
	OnRefused func(ctx context.Context, call Call, why Refusal)
}

// Call is what is known of a call when it begins. It is a plain value.
type Call struct {
	// Method is its full name, "/package.service/method".
	Method string
	// Target is that of the client's connection; empty on the server.
	Target string
	// Request is the message of a unary call, or of [Options.Messages]; nil for a
	// stream.
	Request any

	client bool
}

// Limit is a limit on calls. [PerKey] and [Shared] make one. Its methods are
// interceptors, for servers (UnaryServer, StreamServer) and for clients
// (UnaryClient, StreamClient): any number of them may share it, concurrently.
type Limit struct {
	key     func(context.Context, Call) string // nil: none
	limitOf func(string) limiter.Limiter
	opts    Options // as they are meant
}

// PerKey returns a Limit for each caller by itself. There is no default for who
// that is: key says whose call it is, see [ByPeer] and [ByMetadata], and limitOf
// returns the limiter of that key, or nil if it has no limit. Both are called once
// for each call and must allow concurrent calls.
//
// Mind the memory of limitOf: a map grows by an entry for each key that somebody
// thinks of; limiter/keyed doesn't.
//
// PerKey panics with "belaygrpc: PerKey with a nil function" if key or limitOf is
// nil.
func PerKey(key func(ctx context.Context, call Call) string, limitOf func(key string) limiter.Limiter, opts Options) *Limit {
	if key == nil || limitOf == nil {
		panic("belaygrpc: PerKey with a nil function")
	}
	return newLimit(key, limitOf, opts)
}

// Shared returns one Limit for all calls, whoever makes them: a single caller can
// use all of it.
//
// It panics with "belaygrpc: Shared with a nil limiter" if l is nil.
func Shared(l limiter.Limiter, opts Options) *Limit {
	if l == nil {
		panic("belaygrpc: Shared with a nil limiter")
	}
	return newLimit(nil, func(string) limiter.Limiter { return l }, opts)
}

const defaultName = "default"

// probes are the default of Options.Probes.
var probes = []string{
	"/grpc.health.v1.Health/",
	"/grpc.reflection.v1.ServerReflection/",
	"/grpc.reflection.v1alpha.ServerReflection/",
}

func newLimit(key func(context.Context, Call) string, limitOf func(string) limiter.Limiter, opts Options) *Limit {
	if opts.Name == "" {
		opts.Name = defaultName
	}
	if opts.Probes == nil {
		opts.Probes = probes
	}
	if opts.RetryAfter == 0 {
		opts.RetryAfter = time.Second
	}
	return &Limit{key: key, limitOf: limitOf, opts: opts}
}

// passes reports whether a method is one of probes.
func passes(method string, probes []string) bool {
	for _, p := range probes {
		if method == p || strings.HasSuffix(p, "/") && strings.HasPrefix(method, p) {
			return true
		}
	}
	return false
}

// admit takes what a call, or a message, costs. The error is a *refusal.
func (l *Limit) admit(ctx context.Context, call Call) (limiter.Permit, error) {
	var key string
	if l.key != nil {
		key = l.key(ctx, call)
	}
	limit := l.limitOf(key)
	if limit == nil {
		return limiter.Permit{}, nil
	}
	cost := int64(1)
	if l.opts.Cost != nil {
		cost = l.opts.Cost(ctx, call)
	}
	permit, err := l.take(ctx, limit, cost)
	if err != nil {
		return limiter.Permit{}, l.refuse(ctx, call, limit, cost, key, err)
	}
	return permit, nil
}

// waitName is that of the timeout of Options.Wait.
const waitName = "belaygrpc: wait"

// take takes n units, for a call whose caller is still there.
func (l *Limit) take(ctx context.Context, limit limiter.Limiter, n int64) (limiter.Permit, error) {
	if l.opts.Wait <= 0 {
		if err := done(ctx); err != nil {
			return limiter.Permit{}, err
		}
		return limit.TryTake(n)
	}
	ctx, cancel := ctxutil.ShrinkNamed(ctx, waitName, l.opts.Wait)
	defer cancel()
	return limit.Take(ctx, n)
}

// done returns nil while ctx isn't done, and then an error that is both its Err
// and its cause.
func done(ctx context.Context) error {
	err := ctx.Err() // before the cause, which is set before or together with it
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == nil || (err == context.Canceled || err == context.DeadlineExceeded) && cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// permitKey is the key, in a context, of the permit for the limit of that name.
type permitKey string

// PermitOf returns the permit that a call to the server holds of the [Limit] with
// this name, out of the handler's context. It holds nothing, and can be used all
// the same, where there is no such limit or [Options.Settle] is not set.
//
// It is for [limiter.Permit.Settle], while the handler runs: a cost that is known
// only afterwards; and for [limiter.Permit.Drop], by a handler that was turned away
// further down. Who releases the permit makes room for others; the interceptor
// does so anyway. It may be called concurrently.
func PermitOf(ctx context.Context, name string) limiter.Permit {
	if name == "" {
		name = defaultName
	}
	permit, _ := ctx.Value(permitKey(name)).(limiter.Permit)
	return permit
}
