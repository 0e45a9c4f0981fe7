package belaygrpc_test

// Handlers that panic, and what is left of that.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/limiter/semaphore"
)

var errSecret = errors.New("the secret")

// failing fails as it is told to, in both kinds of call.
func failing(how func()) *talk {
	return &talk{
		unary:  func(_ context.Context, in *text) (*text, error) { how(); return in, nil },
		stream: func(s grpc.ServerStream) error { how(); return echo(s) },
	}
}

func TestAPanicIsInternalAndSaysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		how  func()
		want any
	}{
		"a panic with an error": {func() { panic(errSecret) }, errSecret},
		"a panic with a text":   {func() { panic("the secret") }, "the secret"},
		"a Goexit":              {runtime.Goexit, belay.ErrGoexit},
		"a runtime error":       {func() { _ = []int{}[len(os.Args)] }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var methods []string
				p := belaygrpc.Panics{OnPanic: func(ctx context.Context, method string, p *belay.PanicError) {
					require.NoError(t, ctx.Err())
					methods = append(methods, method)
					if c.want != nil {
						require.Equal(t, c.want, p.Value)
					}
					if err, ok := c.want.(error); ok {
						require.ErrorIs(t, p, err)
					}
					require.Contains(t, string(p.Stack), "panics_test.go")
				}}
				sem := semaphore.NewWeighted(1)
				l := belaygrpc.Shared(sem, belaygrpc.Options{})
				conn := through(t, failing(c.how), []grpc.ServerOption{
					grpc.ChainUnaryInterceptor(p.UnaryServer, l.UnaryServer),
					grpc.ChainStreamInterceptor(p.StreamServer, l.StreamServer),
				})
				for range 2 { // the server goes on
					err := call(t.Context(), conn)
					requireCode(t, codes.Internal, err)
					require.Equal(t, "internal error", status.Convert(err).Message())
					s, err := conn.NewStream(t.Context(), chatDesc, chat)
					require.NoError(t, err)
					err = s.RecvMsg(new(text))
					requireCode(t, codes.Internal, err)
					require.Equal(t, "internal error", status.Convert(err).Message())
				}
				require.Equal(t, []string{say, chat, say, chat}, methods)
				requireFree(t, sem)
			})
		})
	}
}

func TestWhatDoesNotPanicIsLeftAsItIs(t *testing.T) {
	p := belaygrpc.Panics{OnPanic: func(context.Context, string, *belay.PanicError) { panic("not called") }}
	var answer error
	k := failing(func() {})
	k.unary = func(_ context.Context, in *text) (*text, error) { return in, answer }
	conn := through(t, k, []grpc.ServerOption{grpc.UnaryInterceptor(p.UnaryServer), grpc.StreamInterceptor(p.StreamServer)})
	require.NoError(t, call(t.Context(), conn))
	s := converse(t, t.Context(), conn)
	require.NoError(t, s.CloseSend())
	require.Error(t, s.RecvMsg(new(text)))
	answer = status.Error(codes.NotFound, "no such thing")
	requireCode(t, codes.NotFound, call(t.Context(), conn))
}

func TestAPanicThatNobodyAskedForIsLogged(t *testing.T) {
	var out bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(was)
	_, err := belaygrpc.Panics{}.UnaryServer(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: say},
		func(context.Context, any) (any, error) { panic(errSecret) })
	requireCode(t, codes.Internal, err)
	for _, want := range []string{say, errSecret.Error(), "panics_test.go", "level=ERROR"} {
		require.Contains(t, out.String(), want)
	}
}

// crashEnv makes the test binary a server without Panics whose handler panics.
const crashEnv = "BELAYGRPC_TEST_CRASH"

func TestWithoutThemAPanicCrashesTheProcess(t *testing.T) {
	if os.Getenv(crashEnv) != "" {
		l := belaygrpc.Shared(semaphore.NewWeighted(1), belaygrpc.Options{Settle: true})
		d := belaygrpc.Deadline{Limit: patience}
		var g belaygrpc.Graceful
		conn := through(t, failing(func() { panic(errSecret) }), []grpc.ServerOption{
			grpc.ChainStreamInterceptor(g.StreamServer, l.StreamServer, d.StreamServer),
		})
		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		require.NoError(t, s.SendMsg(wrapperspb.String("x")))
		_ = s.RecvMsg(new(text))
		return // which the parent doesn't want
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), crashEnv+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: the secret")
}
