package belaygrpc_test

// Limits on a server: who is let in, what the others are told, and when.

import (
	"context"
	"errors"
	"math"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// limited has a limit in front of everything.
func limited(l *belaygrpc.Limit) []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(l.UnaryServer), grpc.ChainStreamInterceptor(l.StreamServer)}
}

func pushback(t *testing.T, trailer metadata.MD) int {
	t.Helper()
	require.Len(t, trailer.Get("grpc-retry-pushback-ms"), 1)
	ms, err := strconv.Atoi(trailer.Get("grpc-retry-pushback-ms")[0])
	require.NoError(t, err)
	return ms
}

func TestACallTooManyIsResourceExhaustedAndKnowsWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []belaygrpc.Refusal
		l := belaygrpc.Shared(rate.NewLimiter(0.5, 1), belaygrpc.Options{
			Name: "client",
			OnRefused: func(_ context.Context, call belaygrpc.Call, why belaygrpc.Refusal) {
				require.Equal(t, say, call.Method)
				require.IsType(t, &text{}, call.Request)
				seen = append(seen, why)
			},
		})
		conn := through(t, &talk{}, limited(l))
		require.NoError(t, call(t.Context(), conn))

		var trailer metadata.MD
		err := call(t.Context(), conn, grpc.Trailer(&trailer))
		requireCode(t, codes.ResourceExhausted, err)
		after, ok := belaygrpc.RetryDelay(err)
		require.True(t, ok)
		require.GreaterOrEqual(t, after, 2*time.Second)
		require.LessOrEqual(t, after, 2*time.Second*6/5)
		require.EqualValues(t, after.Milliseconds(), pushback(t, trailer))
		require.Equal(t, `limit "client": too often; retry in `+after.String(), status.Convert(err).Message())
		require.Len(t, seen, 1)
		require.Equal(t, codes.ResourceExhausted, seen[0].Code)
		require.Equal(t, after, seen[0].RetryAfter)
		require.ErrorIs(t, seen[0].Err, limiter.ErrLimited)

		time.Sleep(after)
		require.NoError(t, call(t.Context(), conn))
	})
}

func TestAServerThatIsFullIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		conn := through(t, &talk{}, limited(belaygrpc.Shared(sem, belaygrpc.Options{Hide: true})))
		require.NoError(t, call(t.Context(), conn))
		permit, err := sem.TryTake(1)
		require.NoError(t, err)

		var trailer metadata.MD
		err = call(t.Context(), conn, grpc.Trailer(&trailer))
		requireCode(t, codes.Unavailable, err)
		after, ok := belaygrpc.RetryDelay(err)
		require.True(t, ok)
		require.GreaterOrEqual(t, after, time.Second)
		require.LessOrEqual(t, after, time.Second*6/5)
		require.EqualValues(t, after.Milliseconds(), pushback(t, trailer))
		require.Equal(t, "limited; retry in "+after.String(), status.Convert(err).Message())

		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		requireCode(t, codes.Unavailable, s.RecvMsg(new(text)))
		pushback(t, s.Trailer())

		permit.Release()
		require.NoError(t, call(t.Context(), conn))
		requireFree(t, sem)
	})
}

func TestWhatCanNeverBeServedIsInvalidAndNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cost := int64(3)
		refused := 0
		sem := semaphore.NewWeighted(2)
		l := belaygrpc.Shared(sem, belaygrpc.Options{
			Cost:      func(context.Context, belaygrpc.Call) int64 { return cost },
			OnRefused: func(context.Context, belaygrpc.Call, belaygrpc.Refusal) { refused++ },
		})
		conn := through(t, &talk{}, limited(l), retrying("INVALID_ARGUMENT", "UNAVAILABLE"))
		var trailer metadata.MD
		err := call(t.Context(), conn, grpc.Trailer(&trailer))
		requireCode(t, codes.InvalidArgument, err)
		require.Equal(t, 1, refused)
		require.Equal(t, -1, pushback(t, trailer))
		_, ok := belaygrpc.RetryDelay(err)
		require.False(t, ok)

		// One unit of nothing is no fault of the caller's.
		cost, refused = 1, 0
		sem.Resize(0)
		requireCode(t, codes.Unavailable, call(t.Context(), conn))
		require.Equal(t, 1, refused, "the pushback says never")
		sem.Resize(1)
		require.NoError(t, call(t.Context(), conn))
	})
}

// retrying is grpc's own retry, which would come back after 10 ms at most.
func retrying(names ...string) grpc.DialOption {
	list := `"` + names[0] + `"`
	for _, n := range names[1:] {
		list += `,"` + n + `"`
	}
	return grpc.WithDefaultServiceConfig(`{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":3,
		"initialBackoff":"0.01s","maxBackoff":"0.01s","backoffMultiplier":1,"retryableStatusCodes":[` + list + `]}}]}`)
}

func TestAClientThatRetriesByItselfComesBackWhenItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		l := belaygrpc.Shared(rate.NewLimiter(0.1, 1), belaygrpc.Options{
			OnRefused: func(context.Context, belaygrpc.Call, belaygrpc.Refusal) { refused++ },
		})
		conn := through(t, &talk{}, limited(l), retrying("RESOURCE_EXHAUSTED"))
		began := time.Now()
		require.NoError(t, call(t.Context(), conn))
		require.NoError(t, call(t.Context(), conn))
		require.Equal(t, 1, refused)
		require.GreaterOrEqual(t, time.Since(began), 10*time.Second)
		require.LessOrEqual(t, time.Since(began), 13*time.Second)
	})
}

func TestACallThatMayWaitGetsItsTurnOrTheReasonWhyNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		var last belaygrpc.Refusal
		conn := through(t, &talk{}, limited(belaygrpc.Shared(sem, belaygrpc.Options{
			Wait:      10 * time.Second,
			OnRefused: func(_ context.Context, _ belaygrpc.Call, why belaygrpc.Refusal) { last = why },
		})))
		held, err := sem.TryTake(1)
		require.NoError(t, err)
		time.AfterFunc(5*time.Second, held.Release)
		require.NoError(t, call(t.Context(), conn))

		held, err = sem.TryTake(1)
		require.NoError(t, err)
		requireCode(t, codes.Unavailable, call(t.Context(), conn))
		var late *ctxutil.TimeoutError
		require.ErrorAs(t, last.Err, &late)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		requireCode(t, codes.DeadlineExceeded, call(ctx, conn))
		synctest.Wait()
		require.Contains(t, []codes.Code{codes.DeadlineExceeded, codes.Canceled}, last.Code)
		require.Zero(t, last.RetryAfter)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		requireCode(t, codes.Canceled, call(ctx, conn))
		synctest.Wait()
		require.Equal(t, codes.Canceled, last.Code)
		require.Zero(t, sem.Stats().Waiting)

		held.Release()
		require.NoError(t, call(t.Context(), conn))
		requireFree(t, sem)
	})
}

func TestAContextThatIsDoneTakesNothing(t *testing.T) {
	own := errors.New("the lights went out")
	for _, wait := range []time.Duration{0, time.Second} {
		sem := semaphore.NewWeighted(1)
		l := belaygrpc.Shared(sem, belaygrpc.Options{Wait: wait})
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(own)
		_, err := l.UnaryServer(ctx, nil, &grpc.UnaryServerInfo{FullMethod: say},
			func(context.Context, any) (any, error) { panic("not reached") })
		requireCode(t, codes.Canceled, err)
		require.ErrorIs(t, err, own)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, sem.Stats().Total)
	}
}

func TestWhatIsTooLargeIsNotTold(t *testing.T) {
	l := belaygrpc.Shared(refusing{&limiter.RefusedError{Reason: limiter.ErrTooLarge}}, belaygrpc.Options{})
	_, err := l.UnaryServer(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: say}, nil)
	requireCode(t, codes.Unavailable, err) // of one unit
	_, ok := belaygrpc.RetryDelay(err)
	require.False(t, ok)
}

func TestADeadlineThatTheCallerHasSetIsTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := belaygrpc.Shared(never{}, belaygrpc.Options{Wait: 2 * time.Second})
		for limit, want := range map[time.Duration]codes.Code{time.Second: codes.DeadlineExceeded, time.Minute: codes.Unavailable} {
			ctx, cancel := ctxutil.ShrinkNamed(t.Context(), "the caller's", limit)
			_, err := full.UnaryServer(ctx, nil, &grpc.UnaryServerInfo{FullMethod: say}, nil)
			requireCode(t, want, err)
			cancel()
		}
	})
}

// never is a limiter of which nothing is to be had.
type never struct{}

func (never) TryTake(int64) (limiter.Permit, error) {
	return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrFull}
}

func (never) Take(ctx context.Context, _ int64) (limiter.Permit, error) {
	<-ctx.Done()
	return limiter.Permit{}, context.Cause(ctx)
}

func TestDelaysAreSpreadRoundedUpAndNeverZero(t *testing.T) {
	for _, c := range []struct {
		says, option, least, most time.Duration
	}{
		{1, 0, time.Millisecond, time.Millisecond},
		{10 * time.Second, 0, 10 * time.Second, 12 * time.Second},
		{10*time.Second + 1, 0, 10*time.Second + time.Millisecond, 12*time.Second + time.Millisecond},
		{0, 0, time.Second, 1200 * time.Millisecond},
		{0, 10 * time.Millisecond, 10 * time.Millisecond, 12 * time.Millisecond},
		{0, -1, 0, 0},
		{0, -time.Hour, 0, 0},
		{math.MaxInt64, 0, 0, 0},
		{math.MaxInt64 - 1, 0, math.MaxInt64 / 6 * 5 / time.Millisecond * time.Millisecond, math.MaxInt64},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			l := belaygrpc.Shared(refusing{&limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: c.says}}, belaygrpc.Options{RetryAfter: c.option})
			_, err := l.UnaryServer(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: say}, nil)
			requireCode(t, codes.ResourceExhausted, err)
			after, ok := belaygrpc.RetryDelay(err)
			require.Equal(t, c.least > 0, ok)
			require.GreaterOrEqual(t, after, c.least, "%+v", c)
			require.LessOrEqual(t, after, c.most, "%+v", c)
			seen[after] = true
		}
		require.Equal(t, c.most-c.least > 5*time.Millisecond, len(seen) > 5, "%+v", c)
	}
}

// refusing is a limiter that refuses.
type refusing struct{ err error }

func (r refusing) TryTake(int64) (limiter.Permit, error) { return limiter.Permit{}, r.err }

func (r refusing) Take(context.Context, int64) (limiter.Permit, error) { return r.TryTake(1) }

func TestARefusalCanBeWordedOtherwise(t *testing.T) {
	var word func() *status.Status
	l := belaygrpc.Shared(refusing{&limiter.RefusedError{Reason: limiter.ErrFull}}, belaygrpc.Options{
		Refuse: func(context.Context, belaygrpc.Call, belaygrpc.Refusal) *status.Status { return word() },
	})
	refused := func() error {
		_, err := l.UnaryServer(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: upload}, nil)
		var why *limiter.RefusedError
		require.ErrorAs(t, err, &why)
		return err
	}
	word = func() *status.Status { return status.New(codes.ResourceExhausted, "come back") }
	err := refused()
	requireCode(t, codes.ResourceExhausted, err)
	after, ok := belaygrpc.RetryDelay(err)
	require.True(t, ok)
	require.GreaterOrEqual(t, after, time.Second)

	word = func() *status.Status {
		st, err := status.New(codes.Aborted, "").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)})
		require.NoError(t, err)
		return st
	}
	err = refused()
	after, _ = belaygrpc.RetryDelay(err)
	require.Equal(t, time.Hour, after)
	require.Len(t, status.Convert(err).Details(), 1)

	for _, st := range []*status.Status{nil, status.New(codes.OK, "fine")} {
		word = func() *status.Status { return st }
		requireCode(t, codes.Unavailable, refused())
	}
	for _, err := range []error{nil, errors.New("another"), status.Error(codes.Unavailable, "another")} {
		_, ok := belaygrpc.RetryDelay(err)
		require.False(t, ok)
	}
}

func TestHealthAndReflectionBypassLimits(t *testing.T) {
	sem := semaphore.NewWeighted(0)
	srv := grpc.NewServer(limited(belaygrpc.Shared(sem, belaygrpc.Options{}))...)
	(&talk{}).register(srv)
	healthpb.RegisterHealthServer(srv, health.NewServer())
	reflection.Register(srv)
	conn := dialed(t, srv)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	requireCode(t, codes.Unavailable, call(ctx, conn))
	_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	watch, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	_, err = watch.Recv()
	require.NoError(t, err)
	names, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	require.NoError(t, err)
	require.NoError(t, names.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}))
	_, err = names.Recv()
	require.NoError(t, err)

	// As may other methods, and none.
	own := dialed(t, func() *grpc.Server {
		srv := grpc.NewServer(limited(belaygrpc.Shared(sem, belaygrpc.Options{Probes: []string{say, "/belay.test.Talk/Ch"}}))...)
		(&talk{}).register(srv)
		healthpb.RegisterHealthServer(srv, health.NewServer())
		return srv
	}())
	require.NoError(t, call(ctx, own))
	s, err := own.NewStream(ctx, chatDesc, chat) // of which that is no more than the beginning
	require.NoError(t, err)
	requireCode(t, codes.Unavailable, s.RecvMsg(new(text)))
	_, err = healthpb.NewHealthClient(own).Check(ctx, &healthpb.HealthCheckRequest{})
	requireCode(t, codes.Unavailable, err)
}

func TestEveryKeyHasALimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perUser := keyed.NewRate[string](keyed.RateOptions{Keys: 100, Limit: 1, Burst: 1})
		l := belaygrpc.PerKey(belaygrpc.ByMetadata("User"), func(key string) limiter.Limiter {
			if key == "root" {
				return nil
			}
			return perUser.For(key)
		}, belaygrpc.Options{})
		conn := through(t, &talk{}, limited(l))
		as := func(user string) error {
			return call(metadata.AppendToOutgoingContext(t.Context(), "user", user), conn)
		}
		for range 3 {
			require.NoError(t, as("root"))
		}
		require.NoError(t, as("ann"))
		require.NoError(t, as("bob"))
		requireCode(t, codes.ResourceExhausted, as("ann"))
		require.NoError(t, call(t.Context(), conn))
		requireCode(t, codes.ResourceExhausted, call(t.Context(), conn)) // all without a name are one
	})
}

func TestAPeerIsAnAddressOrANetwork(t *testing.T) {
	for addr, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 1}:          "192.0.2.1",
		&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 1}:   "192.0.2.1",
		&net.TCPAddr{IP: net.ParseIP("2001:db8:1:2:3::4"), Port: 22}: "2001:db8:1:2::/64",
		&net.UnixAddr{Name: "/run/x", Net: "unix"}:                   "/run/x",
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: addr})
		require.Equal(t, want, belaygrpc.ByPeer(ctx, belaygrpc.Call{}))
	}
	require.Empty(t, belaygrpc.ByPeer(t.Context(), belaygrpc.Call{}))
	require.Empty(t, belaygrpc.ByPeer(peer.NewContext(t.Context(), &peer.Peer{}), belaygrpc.Call{}))
}

func TestEveryLimiterServesAndGetsEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem, pace, own := semaphore.NewWeighted(3), rate.NewLimiter(1, 3), adaptive.New(adaptive.Options{})
		perKey := keyed.NewRate[string](keyed.RateOptions{Keys: 100, Limit: 1, Burst: 3})
		for _, l := range []limiter.Limiter{sem, pace, own, perKey.For("a"), limiter.All(sem, own), limiter.Shadow(sem)} {
			conn := through(t, &talk{}, limited(belaygrpc.Shared(l, belaygrpc.Options{Wait: 5 * time.Second})))
			for range 3 {
				require.NoError(t, call(t.Context(), conn), "%T", l)
			}
			require.NoError(t, converse(t, t.Context(), conn).CloseSend(), "%T", l)
		}
		synctest.Wait()
		requireFree(t, sem)
		requireFree(t, own)
	})
}

func TestAHandlerSettlesWhatItsCallHasCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settle := func(ctx context.Context) {
			belaygrpc.PermitOf(ctx, "other").Settle(100)
			belaygrpc.PermitOf(ctx, "").Settle(4)
		}
		k := &talk{
			unary:  func(ctx context.Context, in *text) (*text, error) { settle(ctx); return in, nil },
			stream: func(s grpc.ServerStream) error { settle(s.Context()); return nil },
		}
		for does, left := range map[bool]float64{false: 8, true: 2} { // after two calls
			pace := rate.NewLimiter(1, 10)
			conn := through(t, k, limited(belaygrpc.Shared(pace, belaygrpc.Options{Settle: does})))
			require.NoError(t, call(t.Context(), conn))
			s, err := conn.NewStream(t.Context(), chatDesc, chat)
			require.NoError(t, err)
			require.Error(t, s.RecvMsg(new(text)))
			require.InDelta(t, left, pace.Tokens(), 0.01)
		}
	})
}

func TestMisuseIsNamedWhenTheLimitIsMade(t *testing.T) {
	of := func(string) limiter.Limiter { return nil }
	require.PanicsWithValue(t, "belaygrpc: Shared with a nil limiter", func() { belaygrpc.Shared(nil, belaygrpc.Options{}) })
	require.PanicsWithValue(t, "belaygrpc: PerKey with a nil function", func() { belaygrpc.PerKey(nil, of, belaygrpc.Options{}) })
	require.PanicsWithValue(t, "belaygrpc: PerKey with a nil function", func() { belaygrpc.PerKey(belaygrpc.ByPeer, nil, belaygrpc.Options{}) })
}
