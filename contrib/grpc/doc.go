// Package belaygrpc is for gRPC what limiter/httplimit and graceful are for
// HTTP: limits, deadlines and panics as interceptors, on both sides, and a server
// that stops without losing a call.
//
//	clients := belaygrpc.PerKey(belaygrpc.ByPeer, limitOf, belaygrpc.Options{Name: "client"})
//	service := belaygrpc.Shared(semaphore.NewWeighted(100), belaygrpc.Options{Name: "service"})
//	deadline := belaygrpc.Deadline{Limit: 10 * time.Second, Reserve: 20 * time.Millisecond}
//	end := belaygrpc.Graceful{Health: healthServer}
//	server := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(clients.UnaryServer, service.UnaryServer, deadline.UnaryServer),
//		grpc.ChainStreamInterceptor(end.StreamServer, clients.StreamServer, service.StreamServer))
//	manager.Add(1, end.Component("grpc", ":9090", server))
//
// Everything is a value with methods of grpc's own types, [Limit], [Deadline],
// [Panics] and [Graceful], and chains with the interceptors of others. The first
// one in a chain is the outermost.
//
// # Refusals
//
// A call that gets nothing of a limit doesn't reach the handler, or, on the
// client's side, the wire. Its status is
//
//   - ResourceExhausted, if it is one too many: [limiter.ErrLimited],
//     [limiter.ErrTooLate];
//   - Unavailable, if the service is full: [limiter.ErrFull], everything of a
//     limit on what is in flight, and the end of [Options.Wait];
//   - Canceled or DeadlineExceeded, if the call's own context ended while it
//     waited, or before;
//   - InvalidArgument, if it costs more than one unit, and more than the whole
//     limit has.
//
// So a quota that a client has used up can be told from a server that others have
// filled, as with 429 and 503: the first is for the client to mend, the second is
// worth a try elsewhere, and Unavailable is what retry policies usually name. What
// will never be served must not look like either. [Options.Refuse] may say it
// otherwise.
//
// When to come back is in the status, as a google.rpc.RetryInfo, which
// [RetryDelay] reads, and in the trailer grpc-retry-pushback-ms, by which a client
// with a retry policy waits for that long by itself (gRFC A6); -1 there tells it
// not to retry what is too large. The delay is what the limit says and up to a
// fifth more, so that clients don't come back together, and never zero. Where only
// others' releases can tell it is [Options.RetryAfter], and it is left out where
// no waiting helps.
//
// The error of a refusal has that status and wraps the limit's own error:
// errors.As finds a [*limiter.RefusedError] in it, for the caller on the client's
// side and for the interceptors further out on the server's.
//
// Health checks and reflection bypass all limits, see [Options.Probes].
//
// # How long a permit is held
//
// On the server until the handler returns, panics or exits, and so for all of a
// stream. On the client until a unary call returns, and for a stream until the
// first of: RecvMsg returns an error, io.EOF included, or the one answer of a
// stream that has only one; Header or SendMsg fails, SendMsg otherwise than with
// io.EOF; the stream's context ends; the connection is closed. That is how grpc
// defines the end of a [grpc.ClientStream]: who abandons a stream has to cancel
// its context.
//
// A limit that finds itself (limiter/adaptive) is told what became of a call: it
// learns nothing from one that was cancelled, nor from the length of a stream on
// which the client sends; one that ran out of time, or was answered Unavailable,
// was lost to overload; so was one that a server has answered ResourceExhausted,
// for its client.
//
// # What else to know
//
// On cancel: who waits has taken nothing. On a panic of a handler: the permit is
// released and the panic crashes the process, as without us, unless [Panics] is
// there. On misuse (a nil limiter or function): a panic with a fixed text when the
// value is made. A panic of a function that was passed in leaves nothing taken.
//
// All of it may be used by any number of calls at once. In the terms of the Go
// memory model, what a handler does is synchronized before the release of its
// permit. There is no goroutine but the handler's below [Panics], and one for each
// health watch below [Graceful].
//
// When not to use it: where a mesh in front limits and sheds already, and for limits
// that must hold over several servers, unless the limit is one of contrib/redis.
//
// The package keeps no keys and doesn't retry, authenticates nobody, and ends no
// handler that doesn't look at its context.
package belaygrpc
