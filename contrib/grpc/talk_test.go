package belaygrpc_test

// The real parts of the tests: a server with one method of each kind, and its
// client. In a bubble they talk through memory, where time is the bubble's.

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay"
)

// patience bounds every wait for a real socket.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftovers(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind:\n\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftovers returns the goroutines of this package, and of grpc, that have not
// ended in time.
func leftovers() string {
	for limit := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for i, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if i > 0 && (strings.Contains(g, "contrib/grpc") || strings.Contains(g, "google.golang.org/grpc")) {
				left = append(left, g)
			}
		}
		if len(left) == 0 || time.Now().After(limit) {
			return strings.Join(left, "\n\n")
		}
	}
}

type (
	text = wrapperspb.StringValue

	// talk is the service. What isn't set echoes.
	talk struct {
		unary  func(ctx context.Context, in *text) (*text, error)
		stream func(s grpc.ServerStream) error
	}
)

const (
	say    = "/belay.test.Talk/Say"
	list   = "/belay.test.Talk/List"   // the server streams
	upload = "/belay.test.Talk/Upload" // the client streams
	chat   = "/belay.test.Talk/Chat"   // both do
)

var (
	listDesc   = &grpc.StreamDesc{StreamName: "List", ServerStreams: true}
	uploadDesc = &grpc.StreamDesc{StreamName: "Upload", ClientStreams: true}
	chatDesc   = &grpc.StreamDesc{StreamName: "Chat", ServerStreams: true, ClientStreams: true}
)

func (k *talk) register(srv *grpc.Server) {
	handle := func(_ any, s grpc.ServerStream) error {
		if k.stream != nil {
			return k.stream(s)
		}
		return echo(s)
	}
	desc := &grpc.ServiceDesc{ServiceName: "belay.test.Talk", HandlerType: (*any)(nil)}
	desc.Methods = []grpc.MethodDesc{{MethodName: "Say", Handler: k.say}}
	for _, d := range []*grpc.StreamDesc{listDesc, uploadDesc, chatDesc} {
		with := *d
		with.Handler = handle
		desc.Streams = append(desc.Streams, with)
	}
	srv.RegisterService(desc, k)
}

// say is what generated code does for a unary method.
func (k *talk) say(_ any, ctx context.Context, decode func(any) error, around grpc.UnaryServerInterceptor) (any, error) {
	in := new(text)
	if err := decode(in); err != nil {
		return nil, err
	}
	handle := func(ctx context.Context, in any) (any, error) {
		if k.unary != nil {
			return k.unary(ctx, in.(*text))
		}
		return in, nil
	}
	if around == nil {
		return handle(ctx, in)
	}
	return around(ctx, in, &grpc.UnaryServerInfo{Server: k, FullMethod: say}, handle)
}

// echo sends everything back.
func echo(s grpc.ServerStream) error {
	for {
		in := new(text)
		err := s.RecvMsg(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.SendMsg(in); err != nil {
			return err
		}
	}
}

// through serves in memory for as long as the test lasts, and returns a connection.
// It works in a bubble.
func through(t *testing.T, k *talk, server []grpc.ServerOption, client ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	srv := grpc.NewServer(server...)
	k.register(srv)
	return dialed(t, srv, client...)
}

// dialed is through for a server that has all its services.
func dialed(t *testing.T, srv *grpc.Server, client ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	ln := bufconn.Listen(1 << 16)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }() // ends with the test
	client = append(client,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///memory", client...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close() // the test may have closed it
		srv.Stop()
		if err := <-ended; err != grpc.ErrServerStopped { // before it had begun
			require.NoError(t, err)
		}
	})
	return conn
}

// call makes the unary call.
func call(ctx context.Context, conn *grpc.ClientConn, opts ...grpc.CallOption) error {
	out := new(text)
	err := conn.Invoke(ctx, say, wrapperspb.String("hello"), out, opts...)
	if err == nil && out.GetValue() != "hello" {
		return fmt.Errorf("%q is not an echo", out.GetValue())
	}
	return err
}

// converse opens a stream on which one message has come back.
func converse(t *testing.T, ctx context.Context, conn *grpc.ClientConn) grpc.ClientStream {
	t.Helper()
	s, err := conn.NewStream(ctx, chatDesc, chat)
	require.NoError(t, err)
	require.NoError(t, s.SendMsg(wrapperspb.String("hello")))
	require.NoError(t, s.RecvMsg(new(text)))
	return s
}

func requireCode(t *testing.T, want codes.Code, err error) {
	t.Helper()
	require.Equal(t, want, status.Code(err), "%v", err)
}

// counted is a limit that says how it is.
type counted interface{ Stats() belay.Stats }

// requireFree waits until nothing is in flight any more: what others do to end a
// call may take a moment.
func requireFree(t *testing.T, l counted) {
	t.Helper()
	eventually(t, "a permit is left", func() bool { return l.Stats().InFlight == 0 })
	require.Zero(t, l.Stats().Waiting)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(limit), "%s", what)
	}
}
