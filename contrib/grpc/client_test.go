package belaygrpc_test

// Limits on a client, and the end of a stream in every way in which it can end.

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// limiting has a limit in front of everything that a client does.
func limiting(l *belaygrpc.Limit) []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(l.UnaryClient), grpc.WithChainStreamInterceptor(l.StreamClient)}
}

func TestAClientRefusesItselfWithAStatusAndTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reached := 0
		k := &talk{unary: func(_ context.Context, in *text) (*text, error) { reached++; return in, nil }}
		l := belaygrpc.Shared(rate.NewLimiter(1, 1), belaygrpc.Options{
			OnRefused: func(_ context.Context, c belaygrpc.Call, _ belaygrpc.Refusal) {
				require.Equal(t, "passthrough:///memory", c.Target)
			},
		})
		conn := through(t, k, nil, limiting(l)...)
		require.NoError(t, call(t.Context(), conn))

		err := call(t.Context(), conn)
		requireCode(t, codes.ResourceExhausted, err)
		var why *limiter.RefusedError
		require.ErrorAs(t, err, &why)
		require.ErrorIs(t, why, limiter.ErrLimited)
		after, ok := belaygrpc.RetryDelay(err)
		require.True(t, ok)
		_, err = conn.NewStream(t.Context(), chatDesc, chat)
		requireCode(t, codes.ResourceExhausted, err)
		require.ErrorAs(t, err, &why)
		require.Equal(t, 1, reached)

		time.Sleep(after)
		require.NoError(t, call(t.Context(), conn))
		_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		requireCode(t, codes.Unimplemented, err) // it went out, as probes do
		watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		_, err = watch.Recv()
		requireCode(t, codes.Unimplemented, err)
	})
}

func TestAClientWaitsForItsTurnAsLongAsItsContextDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		conn := through(t, &talk{}, nil, limiting(belaygrpc.Shared(sem, belaygrpc.Options{Wait: time.Hour}))...)
		s := converse(t, t.Context(), conn)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := call(ctx, conn)
		requireCode(t, codes.DeadlineExceeded, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		requireCode(t, codes.Canceled, call(ctx, conn))

		time.AfterFunc(time.Second, func() { _ = s.CloseSend(); _ = s.RecvMsg(new(text)) })
		require.NoError(t, call(t.Context(), conn))
		requireFree(t, sem)
	})
}

func TestAClientsKeyIsWhatItSends(t *testing.T) {
	l := belaygrpc.PerKey(belaygrpc.ByMetadata("tenant"), func(key string) limiter.Limiter {
		if key == "blocked" {
			return semaphore.NewWeighted(0)
		}
		return nil
	}, belaygrpc.Options{})
	conn := through(t, &talk{}, nil, limiting(l)...)
	require.NoError(t, call(t.Context(), conn))
	requireCode(t, codes.Unavailable, call(metadata.AppendToOutgoingContext(t.Context(), "Tenant", "blocked"), conn))
}

// errBroken is of a stream that breaks.
var errBroken = status.Error(codes.DataLoss, "broken")

func TestAStreamHoldsItsPermitUntilItEndsInWhicheverWay(t *testing.T) {
	ends := map[string]struct {
		desc   *grpc.StreamDesc
		method string
		serve  func(s grpc.ServerStream) error
		end    func(t *testing.T, s grpc.ClientStream, conn *grpc.ClientConn, cancel func())
	}{
		"its last message has come": {listDesc, list, nil, func(t *testing.T, s grpc.ClientStream, _ *grpc.ClientConn, _ func()) {
			require.NoError(t, s.SendMsg(wrapperspb.String("x")))
			require.NoError(t, s.CloseSend())
			require.NoError(t, s.RecvMsg(new(text)))
			require.Equal(t, io.EOF, s.RecvMsg(new(text)))
		}},
		"its one answer has come": {uploadDesc, upload, nil, func(t *testing.T, s grpc.ClientStream, _ *grpc.ClientConn, _ func()) {
			require.NoError(t, s.SendMsg(wrapperspb.String("x")))
			require.NoError(t, s.CloseSend())
			require.NoError(t, s.RecvMsg(new(text)))
		}},
		"the server fails it": {chatDesc, chat, func(grpc.ServerStream) error { return errBroken },
			func(t *testing.T, s grpc.ClientStream, _ *grpc.ClientConn, _ func()) {
				requireCode(t, codes.DataLoss, s.RecvMsg(new(text)))
			}},
		"a message can't be sent": {chatDesc, chat, nil, func(t *testing.T, s grpc.ClientStream, _ *grpc.ClientConn, _ func()) {
			requireCode(t, codes.Internal, s.SendMsg("no message"))
		}},
		"its context is cancelled": {chatDesc, chat, nil, func(_ *testing.T, _ grpc.ClientStream, _ *grpc.ClientConn, cancel func()) {
			cancel()
		}},
		"its context is over": {chatDesc, chat, nil, func(*testing.T, grpc.ClientStream, *grpc.ClientConn, func()) {
			time.Sleep(time.Hour)
		}},
		"the connection is closed": {chatDesc, chat, nil, func(t *testing.T, _ grpc.ClientStream, conn *grpc.ClientConn, _ func()) {
			require.NoError(t, conn.Close())
		}},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sem := semaphore.NewWeighted(2)
				conn := through(t, &talk{stream: e.serve}, nil, limiting(belaygrpc.Shared(sem, belaygrpc.Options{}))...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				s, err := conn.NewStream(ctx, e.desc, e.method)
				require.NoError(t, err)
				time.Sleep(time.Minute)
				require.EqualValues(t, 1, sem.Stats().InFlight)

				e.end(t, s, conn, cancel)
				synctest.Wait()
				require.Zero(t, sem.Stats().InFlight)
			})
		})
	}
}

func TestAServersEndOfAStreamIsNoEndBeforeTheClientHasSeenIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		conn := through(t, &talk{stream: func(grpc.ServerStream) error { return errBroken }}, nil,
			limiting(belaygrpc.Shared(sem, belaygrpc.Options{}))...)
		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, io.EOF, s.SendMsg(wrapperspb.String("x")))
		require.EqualValues(t, 1, sem.Stats().InFlight)
		requireCode(t, codes.DataLoss, s.RecvMsg(new(text)))
		require.Zero(t, sem.Stats().InFlight)
		requireCode(t, codes.DataLoss, s.RecvMsg(new(text)))
		require.Zero(t, sem.Stats().InFlight)
	})
}

func TestAStreamThatIsNotOpenedHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		l := belaygrpc.Shared(sem, belaygrpc.Options{})
		var streamer grpc.Streamer
		open := func() (grpc.ClientStream, error) {
			return l.StreamClient(t.Context(), chatDesc, nil, chat, func(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, m string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				return streamer(ctx, d, cc, m, opts...)
			})
		}
		streamer = func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			require.EqualValues(t, 1, sem.Stats().InFlight)
			return nil, errBroken
		}
		s, err := open()
		require.Nil(t, s)
		require.Equal(t, errBroken, err)
		require.Zero(t, sem.Stats().InFlight)

		streamer = func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			panic("an interceptor's")
		}
		require.PanicsWithValue(t, "an interceptor's", func() { _, _ = open() })
		require.Zero(t, sem.Stats().InFlight)

		streamer = func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			return broken{}, nil
		}
		s, err = open()
		require.NoError(t, err)
		_, err = s.Header()
		require.Equal(t, errBroken, err)
		require.Zero(t, sem.Stats().InFlight)
	})
}

func TestAStreamThatHasEndedLeavesNothingInItsContext(t *testing.T) {
	ctx := &patient{Context: t.Context(), done: make(chan struct{})}
	l := belaygrpc.Shared(semaphore.NewWeighted(1), belaygrpc.Options{})
	s, err := l.StreamClient(ctx, chatDesc, nil, chat, func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
		return broken{}, nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, ctx.watchers)
	_, err = s.Header()
	require.Error(t, err)
	require.Zero(t, ctx.watchers)
}

// patient is a context that counts who waits for its end, which doesn't come.
type patient struct {
	context.Context
	done     chan struct{}
	watchers int
}

func (p *patient) Done() <-chan struct{} { return p.done }

func (p *patient) AfterFunc(func()) (stop func() bool) {
	p.watchers++
	return func() bool { p.watchers--; return true }
}

// broken is a stream whose header doesn't come.
type broken struct{ grpc.ClientStream }

func (broken) Header() (metadata.MD, error) { return nil, errBroken }

func TestAllTriesOfAnInterceptorFurtherInAreOneStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		tries := 0
		k := &talk{stream: func(s grpc.ServerStream) error {
			if tries++; tries < 3 {
				return errBroken
			}
			return echo(s)
		}}
		again := func(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, m string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			for {
				s, err := open(ctx, d, cc, m, opts...)
				if err != nil {
					return nil, err
				}
				if _ = s.SendMsg(wrapperspb.String("x")); s.RecvMsg(new(text)) == nil {
					return s, nil
				}
				require.EqualValues(t, 1, sem.Stats().InFlight)
			}
		}
		conn := through(t, k, nil, append(limiting(belaygrpc.Shared(sem, belaygrpc.Options{})), grpc.WithChainStreamInterceptor(again))...)
		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		require.Equal(t, 3, tries)
		require.EqualValues(t, 1, sem.Stats().InFlight)
		require.NoError(t, s.CloseSend())
		require.Equal(t, io.EOF, s.RecvMsg(new(text)))
		require.Zero(t, sem.Stats().InFlight)
	})
}

func TestAClientPaysForEachMessageItSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := rate.NewLimiter(1, 2)
		var opened context.Context
		look := func(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, m string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			opened = ctx
			return open(ctx, d, cc, m, opts...)
		}
		limit := func(opts belaygrpc.Options) *grpc.ClientConn {
			opts.Messages = true
			return through(t, &talk{}, nil, append(limiting(belaygrpc.Shared(pace, opts)), grpc.WithChainStreamInterceptor(look))...)
		}
		conn := limit(belaygrpc.Options{Cost: func(_ context.Context, c belaygrpc.Call) int64 { return int64(len(c.Request.(*text).GetValue())) }})
		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		require.NoError(t, s.SendMsg(wrapperspb.String("ab")))
		require.NoError(t, s.RecvMsg(new(text)))
		err = s.SendMsg(wrapperspb.String("c"))
		requireCode(t, codes.ResourceExhausted, err)
		var why *limiter.RefusedError
		require.ErrorAs(t, err, &why)
		require.ErrorIs(t, opened.Err(), context.Canceled)
		requireCode(t, codes.Canceled, s.RecvMsg(new(text)))

		// Waiting is backpressure, and an end that leaves nothing.
		conn = limit(belaygrpc.Options{Wait: time.Minute})
		s, err = conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		began := time.Now()
		for range 5 {
			require.NoError(t, s.SendMsg(wrapperspb.String("d")))
			require.NoError(t, s.RecvMsg(new(text)))
		}
		require.Equal(t, 5*time.Second, time.Since(began))
		require.NoError(t, s.CloseSend())
		require.NoError(t, opened.Err())
		require.Equal(t, io.EOF, s.RecvMsg(new(text)))
		require.ErrorIs(t, opened.Err(), context.Canceled)
	})
}

func TestAMessageAfterTheEndOfItsStreamIsGrpcsAffair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		sem := semaphore.NewWeighted(1)
		stop := make(chan struct{})
		k := &talk{stream: func(grpc.ServerStream) error { <-stop; return errBroken }}
		conn := through(t, k, nil, limiting(belaygrpc.Shared(sem, belaygrpc.Options{
			Messages: true, Wait: time.Hour,
			OnRefused: func(context.Context, belaygrpc.Call, belaygrpc.Refusal) { refused++ },
		}))...)
		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		held, err := sem.TryTake(1)
		require.NoError(t, err)
		sent := make(chan error, 1)
		go func() { sent <- s.SendMsg(wrapperspb.String("waits")) }() // until the stream ends
		synctest.Wait()
		close(stop)
		requireCode(t, codes.DataLoss, s.RecvMsg(new(text)))
		require.Equal(t, io.EOF, <-sent)
		held.Release()

		require.Equal(t, 1, refused)
		require.Equal(t, io.EOF, s.SendMsg(wrapperspb.String("late")))
		require.Equal(t, 1, refused)
		require.EqualValues(t, 1, sem.Stats().Total)
	})
}

func TestAMessageThatIsSentHoldsNoPermit(t *testing.T) {
	sem := semaphore.NewWeighted(1)
	conn := through(t, &talk{}, nil, limiting(belaygrpc.Shared(sem, belaygrpc.Options{Messages: true}))...)
	s := converse(t, t.Context(), conn)
	require.Zero(t, sem.Stats().InFlight)
	require.EqualValues(t, 1, sem.Stats().Total)
	require.NoError(t, s.CloseSend())
	require.Equal(t, io.EOF, s.RecvMsg(new(text)))
}
