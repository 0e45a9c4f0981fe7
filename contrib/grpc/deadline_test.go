package belaygrpc_test

// Deadlines that leave time: for the answer on a server, for the caller on a client.

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/ctxutil"
)

// left is how long a context has.
func left(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return -1
	}
	return time.Until(deadline)
}

func TestAHandlerHasTheTimeThatTheClientCanUse(t *testing.T) {
	for name, c := range map[string]struct {
		d         belaygrpc.Deadline
		has, want time.Duration // -1: no deadline; of want: it isn't called
		never     bool
	}{
		"nothing set":                  {belaygrpc.Deadline{}, time.Minute, time.Minute, false},
		"nothing set, no deadline":     {belaygrpc.Deadline{}, -1, -1, false},
		"a limit":                      {belaygrpc.Deadline{Limit: time.Second}, -1, time.Second, false},
		"a limit sooner":               {belaygrpc.Deadline{Limit: time.Second, Reserve: time.Second}, time.Minute, time.Second, false},
		"a limit that doesn't extend":  {belaygrpc.Deadline{Limit: time.Hour}, time.Minute, time.Minute, false},
		"a reserve":                    {belaygrpc.Deadline{Limit: time.Hour, Reserve: time.Second}, time.Minute, 59 * time.Second, false},
		"both, and the reserve counts": {belaygrpc.Deadline{Limit: time.Minute, Reserve: time.Second}, 60500 * time.Millisecond, 59500 * time.Millisecond, false},
		"a limit, less than the least": {belaygrpc.Deadline{Limit: time.Second, Least: time.Hour}, time.Minute, 0, true},
		"a reserve that is negative":   {belaygrpc.Deadline{Limit: time.Hour, Reserve: -time.Hour}, time.Minute, time.Minute, false},
		"no time is made of nothing":   {belaygrpc.Deadline{Limit: time.Second, Reserve: -time.Hour, Least: 2 * time.Minute}, time.Minute, 0, true},
		"a reserve of nothing":         {belaygrpc.Deadline{Reserve: time.Second}, -1, -1, false},
		"no more than the reserve":     {belaygrpc.Deadline{Reserve: time.Second}, time.Second, 0, true},
		"less than the least":          {belaygrpc.Deadline{Reserve: time.Second, Least: time.Second}, 1900 * time.Millisecond, 0, true},
		"the least":                    {belaygrpc.Deadline{Reserve: time.Second, Least: time.Second}, 2 * time.Second, time.Second, false},
		"less than the least, reserve": {belaygrpc.Deadline{Least: time.Minute}, time.Second, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []time.Duration
				k := &talk{
					unary:  func(ctx context.Context, in *text) (*text, error) { got = append(got, left(ctx)); return in, nil },
					stream: func(s grpc.ServerStream) error { got = append(got, left(s.Context())); return nil },
				}
				for side, conn := range []*grpc.ClientConn{
					through(t, k, []grpc.ServerOption{grpc.UnaryInterceptor(c.d.UnaryServer), grpc.StreamInterceptor(c.d.StreamServer)}),
					through(t, k, nil, grpc.WithUnaryInterceptor(c.d.UnaryClient), grpc.WithStreamInterceptor(c.d.StreamClient)),
				} {
					got = nil
					ctx, cancel := t.Context(), func() {}
					if c.has >= 0 {
						ctx, cancel = context.WithTimeout(ctx, c.has)
					}
					err := call(ctx, conn)
					s, streamErr := conn.NewStream(ctx, chatDesc, chat)
					if streamErr == nil {
						streamErr = s.RecvMsg(new(text))
					}
					if c.never {
						began := time.Now()
						requireCode(t, codes.DeadlineExceeded, err)
						requireCode(t, codes.DeadlineExceeded, streamErr)
						require.Zero(t, time.Since(began))
						require.Empty(t, got)
						if side == 1 {
							var late *ctxutil.TimeoutError
							require.ErrorAs(t, err, &late)
							require.ErrorAs(t, streamErr, &late)
						}
					} else {
						require.NoError(t, err)
						require.Equal(t, io.EOF, streamErr)
						require.Equal(t, []time.Duration{c.want, c.want}, got)
					}
					cancel()
				}
			})
		})
	}
}

func TestTheReserveIsThereToAnswerIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := belaygrpc.Deadline{Limit: time.Minute, Reserve: time.Second}
		late := false
		k := &talk{unary: func(ctx context.Context, in *text) (*text, error) {
			<-ctx.Done()
			if late {
				return in, nil // what was found so far
			}
			return nil, ctx.Err()
		}}
		conn := through(t, k, []grpc.ServerOption{grpc.UnaryInterceptor(d.UnaryServer)})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		requireCode(t, codes.DeadlineExceeded, call(ctx, conn))
		require.Equal(t, 9*time.Second, time.Since(began))
		require.NoError(t, ctx.Err())

		late = true
		require.NoError(t, call(t.Context(), conn))
	})
}

func TestACallThatIsDoneIsNotBegun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := belaygrpc.Deadline{Limit: time.Minute}
	_, err := d.UnaryServer(ctx, nil, &grpc.UnaryServerInfo{FullMethod: say}, nil)
	requireCode(t, codes.Canceled, err)
	require.ErrorIs(t, err, context.Canceled)
	requireCode(t, codes.Canceled, d.UnaryClient(ctx, say, nil, nil, nil, nil))
	_, err = d.StreamClient(ctx, chatDesc, nil, chat, nil)
	requireCode(t, codes.Canceled, err)
}

func TestADeadlineOfAStreamGoesWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		look := func(c context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, m string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			ctx = c
			return open(c, d, cc, m, opts...)
		}
		d := belaygrpc.Deadline{Limit: time.Minute}
		conn := through(t, &talk{}, nil, grpc.WithChainStreamInterceptor(d.StreamClient, look))
		s, err := conn.NewStream(t.Context(), uploadDesc, upload)
		require.NoError(t, err)
		require.NoError(t, s.SendMsg(wrapperspb.String("x")))
		require.NoError(t, s.CloseSend())
		require.NoError(t, ctx.Err())
		require.NoError(t, s.RecvMsg(new(text)))
		require.ErrorIs(t, ctx.Err(), context.Canceled)

		s, err = conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		began := time.Now()
		requireCode(t, codes.DeadlineExceeded, s.RecvMsg(new(text)))
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestHealthIsNotBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := belaygrpc.Deadline{Limit: time.Second}
		srv := grpc.NewServer(grpc.UnaryInterceptor(d.UnaryServer), grpc.StreamInterceptor(d.StreamServer))
		status := health.NewServer()
		healthpb.RegisterHealthServer(srv, status)
		probe := healthpb.NewHealthClient(dialed(t, srv, grpc.WithUnaryInterceptor(d.UnaryClient), grpc.WithStreamInterceptor(d.StreamClient)))
		watch, err := probe.Watch(t.Context(), &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		_, err = watch.Recv()
		require.NoError(t, err)
		time.Sleep(time.Hour)
		status.Shutdown()
		news, err := watch.Recv()
		require.NoError(t, err)
		require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, news.GetStatus())
		_, err = probe.Check(t.Context(), &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
	})
}
