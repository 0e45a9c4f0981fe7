package belaygrpc_test

// The stop of a server, over real sockets.

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/graceful"
)

// running is a server below a manager.
type running struct {
	m      *graceful.Manager
	conn   *grpc.ClientConn
	health *health.Server
	stop   func()
	report chan graceful.Report
}

// run serves until stop is called. before are components that go with it, change may
// change the server's own.
func run(t *testing.T, k *talk, g *belaygrpc.Graceful, opts graceful.Options, change func(*graceful.Component), before ...graceful.Component) *running {
	t.Helper()
	r := &running{health: health.NewServer(), report: make(chan graceful.Report, 1)}
	if g.Health == nil {
		g.Health = r.health
	}
	srv := grpc.NewServer(grpc.UnaryInterceptor(g.UnaryServer), grpc.StreamInterceptor(g.StreamServer))
	k.register(srv)
	healthpb.RegisterHealthServer(srv, r.health)
	ready := make(chan struct{})
	opts.OnReady = func() { close(ready) }
	opts.Logger, opts.TerminationLog = slog.New(slog.DiscardHandler), "-"
	r.m = graceful.New(opts)
	c := g.Component("grpc", "127.0.0.1:0", srv)
	if change != nil {
		change(&c)
	}
	r.m.Add(1, append(before, c)...)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { // ends with the test
		report, _ := r.m.Run(ctx)
		r.report <- report
	}()
	await(t, "ready", ready)
	conn, err := grpc.NewClient(r.m.Addr("grpc").String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	r.conn = conn
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
	})
	return r
}

// ended returns how the server's stop went.
func (r *running) ended(t *testing.T) graceful.Result {
	t.Helper()
	report := await(t, "the end", r.report)
	for _, c := range report.Components {
		if c.Name == "grpc" {
			return c
		}
	}
	require.FailNow(t, "no grpc in the report")
	return graceful.Result{}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "waited in vain", "%s", what)
		panic("not reached")
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (r *running) watch(t *testing.T) healthpb.Health_WatchClient {
	t.Helper()
	w, err := healthpb.NewHealthClient(r.conn).Watch(bounded(t), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	news, err := w.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, news.GetStatus())
	return w
}

func TestHealthTurnsFirstWhileCallsAreStillTaken(t *testing.T) {
	release := make(chan struct{})
	hook := graceful.Component{Name: "hook", PreStop: func(context.Context) error { <-release; return nil }}
	var g belaygrpc.Graceful
	r := run(t, &talk{}, &g, graceful.Options{}, nil, hook)
	w := r.watch(t)
	r.stop()
	news, err := w.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, news.GetStatus())

	// Nothing has stopped yet.
	require.NoError(t, call(bounded(t), r.conn))
	status, err := healthpb.NewHealthClient(r.conn).Check(bounded(t), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, status.GetStatus())
	s := converse(t, bounded(t), r.conn)
	require.NoError(t, s.CloseSend())
	require.Equal(t, io.EOF, s.RecvMsg(new(text)))

	close(release)
	_, err = w.Recv()
	requireCode(t, codes.Unavailable, err)
	require.Equal(t, "stopped", r.ended(t).Outcome)
}

func TestEveryWatchIsToldBeforeItEnds(t *testing.T) {
	for range 20 {
		var g belaygrpc.Graceful
		r := run(t, &talk{}, &g, graceful.Options{}, nil)
		var watches []healthpb.Health_WatchClient
		for range 10 {
			watches = append(watches, r.watch(t))
		}
		unknown, err := healthpb.NewHealthClient(r.conn).Watch(bounded(t), &healthpb.HealthCheckRequest{Service: "unknown"})
		require.NoError(t, err)
		_, err = unknown.Recv()
		require.NoError(t, err)
		r.stop()
		for _, w := range watches {
			news, err := w.Recv()
			require.NoError(t, err)
			require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, news.GetStatus())
			_, err = w.Recv()
			requireCode(t, codes.Unavailable, err)
		}
		_, err = unknown.Recv()
		requireCode(t, codes.Unavailable, err)
		require.Equal(t, "stopped", r.ended(t).Outcome)
	}
}

// hesitant is a health service that takes its time to say that it is down.
type hesitant struct {
	healthpb.UnimplementedHealthServer
	down chan struct{}
}

func (h *hesitant) Shutdown() { close(h.down) }

func (h *hesitant) Watch(_ *healthpb.HealthCheckRequest, s healthpb.Health_WatchServer) error {
	if err := s.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}); err != nil {
		return err
	}
	<-h.down
	<-graceful.Draining(s.Context())
	select {
	case <-time.After(50 * time.Millisecond):
	case <-s.Context().Done():
		return s.Context().Err()
	}
	if err := s.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}); err != nil {
		return err
	}
	<-s.Context().Done()
	return s.Context().Err()
}

func TestAWatchOfAnotherHealthServerEndsToo(t *testing.T) {
	g := belaygrpc.Graceful{Health: health.NewServer()} // not the one that is served
	r := run(t, &talk{}, &g, graceful.Options{}, nil)
	w := r.watch(t)
	r.stop()
	_, err := w.Recv()
	requireCode(t, codes.Unavailable, err)
	require.Equal(t, "stopped", r.ended(t).Outcome)
}

func TestAStreamLearnsOfTheStopAndEndsInTime(t *testing.T) {
	polling := make(chan struct{})
	k := &talk{
		unary: func(ctx context.Context, in *text) (*text, error) {
			close(polling)
			<-graceful.Draining(ctx)
			return in, nil
		},
		stream: func(s grpc.ServerStream) error {
			if err := s.RecvMsg(new(text)); err != nil {
				return err
			}
			if err := s.SendMsg(wrapperspb.String("hello")); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(s.Context()) // as handlers derive theirs
			defer cancel()
			select {
			case <-graceful.Draining(ctx):
				return s.SendMsg(wrapperspb.String("bye"))
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
	var g belaygrpc.Graceful
	r := run(t, k, &g, graceful.Options{}, nil)
	var streams []grpc.ClientStream
	for range 5 {
		streams = append(streams, converse(t, bounded(t), r.conn))
	}
	polled := make(chan error, 1)
	go func() { polled <- call(context.Background(), r.conn) }() // ends with the drain
	await(t, "the poll", polling)
	r.stop()
	for _, s := range streams {
		last := new(text)
		require.NoError(t, s.RecvMsg(last))
		require.Equal(t, "bye", last.GetValue())
		require.Equal(t, io.EOF, s.RecvMsg(last))
	}
	require.NoError(t, await(t, "the answer to the poll", polled))
	require.Equal(t, "stopped", r.ended(t).Outcome)
}

func TestAStreamThatDoesNotListenIsCutAtTheLimit(t *testing.T) {
	k := &talk{stream: func(s grpc.ServerStream) error {
		if err := s.SendMsg(wrapperspb.String("hello")); err != nil {
			return err
		}
		<-s.Context().Done()
		return nil
	}}
	var g belaygrpc.Graceful
	r := run(t, k, &g, graceful.Options{}, func(c *graceful.Component) { c.Limit = 100 * time.Millisecond })
	s := converse(t, bounded(t), r.conn)
	r.stop()
	require.Error(t, s.RecvMsg(new(text)))
	require.NotEqual(t, "stopped", r.ended(t).Outcome)
}

func TestHealthStaysWhereTheServiceGoesOnElsewhere(t *testing.T) {
	// A component that is stopped without a PreStop is one after a restart.
	var told atomic.Bool
	g := belaygrpc.Graceful{Health: shutdown(func() { told.Store(true) })}
	r := run(t, &talk{}, &g, graceful.Options{}, func(c *graceful.Component) { c.PreStop = nil })
	w := r.watch(t)
	r.stop()
	_, err := w.Recv()
	requireCode(t, codes.Unavailable, err)
	require.Equal(t, "stopped", r.ended(t).Outcome)
	require.False(t, told.Load())
}

type shutdown func()

func (f shutdown) Shutdown() { f() }

func TestWithoutAComponentStreamsAreAsTheyWere(t *testing.T) {
	var g belaygrpc.Graceful
	k := &talk{stream: func(s grpc.ServerStream) error {
		if graceful.Draining(s.Context()) != nil {
			return errBroken
		}
		return echo(s)
	}}
	conn := through(t, k, []grpc.ServerOption{grpc.UnaryInterceptor(g.UnaryServer), grpc.StreamInterceptor(g.StreamServer)})
	s := converse(t, t.Context(), conn)
	require.NoError(t, s.CloseSend())
	require.Equal(t, io.EOF, s.RecvMsg(new(text)))
	require.NoError(t, call(t.Context(), conn))
}

func TestOneGracefulIsForOneServer(t *testing.T) {
	var g belaygrpc.Graceful
	srv := grpc.NewServer()
	require.Nil(t, g.Component("a", "127.0.0.1:0", srv).PreStop)
	require.PanicsWithValue(t, "belaygrpc: a second Component", func() { g.Component("b", "127.0.0.1:0", srv) })
	require.PanicsWithValue(t, "graceful: GRPC with a nil server", func() { new(belaygrpc.Graceful).Component("c", "", nil) })
}

func TestAWatchHoldsNothingUpOnceItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := health.NewServer()
		require.Equal(t, []string{"SERVING", "NOT_SERVING"}, watched(t, state, state, false))
	})
	synctest.Test(t, func(t *testing.T) {
		h := &hesitant{down: make(chan struct{})}
		require.Equal(t, []string{"SERVING", "NOT_SERVING"}, watched(t, h, h, false))
	})
	synctest.Test(t, func(t *testing.T) { // after a restart nobody is told
		state := health.NewServer()
		require.Equal(t, []string{"SERVING"}, watched(t, state, state, true))
	})
}

// watched returns what a watch hears of a server that stops, in a bubble.
func watched(t *testing.T, served healthpb.HealthServer, told interface{ Shutdown() }, restarted bool) (heard []string) {
	t.Helper()
	ln, g := bufconn.Listen(1<<16), belaygrpc.Graceful{Health: told}
	srv := grpc.NewServer(grpc.StreamInterceptor(g.StreamServer))
	healthpb.RegisterHealthServer(srv, served)
	m := graceful.New(graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), TerminationLog: "-"})
	c := g.Component("grpc", "", srv)
	c.Listener = ln
	if restarted {
		c.PreStop = nil
	}
	m.Add(1, c)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { _, err := m.Run(ctx); ended <- err }() // ends with ctx
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) }))
	require.NoError(t, err)
	w, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	var began time.Time
	var news *healthpb.HealthCheckResponse
	for news, err = w.Recv(); err == nil; news, err = w.Recv() {
		if heard = append(heard, news.GetStatus().String()); len(heard) == 1 {
			began = time.Now()
			stop()
		}
	}
	requireCode(t, codes.Unavailable, err)
	require.NoError(t, conn.Close())
	<-ended
	require.Less(t, time.Since(began), 500*time.Millisecond)
	return heard
}

func TestAWatchWhoseClientGoesLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends with nothing left in it
		var g belaygrpc.Graceful
		srv := grpc.NewServer(grpc.StreamInterceptor(g.StreamServer))
		healthpb.RegisterHealthServer(srv, health.NewServer())
		w, err := healthpb.NewHealthClient(dialed(t, srv)).Watch(t.Context(), &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		_, err = w.Recv()
		require.NoError(t, err)
	})
}
