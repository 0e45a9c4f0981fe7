package main

// The grpc methods, over a loopback connection.

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/belay-go/belay/examples/service/servicepb"
)

// dial serves s over grpc for as long as the test lasts.
func dial(t *testing.T, s *service) *grpc.ClientConn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return dialOn(t, s, ln, ln.Addr().String())
}

// dialInMemory is dial for a bubble, in which sockets don't wait.
func dialInMemory(t *testing.T, s *service) *grpc.ClientConn {
	t.Helper()
	ln := bufconn.Listen(1 << 16)
	return dialOn(t, s, ln, "passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) }))
}

func dialOn(t *testing.T, s *service, ln net.Listener, target string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	srv := s.newGRPCServer()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	conn, err := grpc.NewClient(target, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		srv.GracefulStop()
		require.NoError(t, <-ended)
	})
	return conn
}

func TestEveryMethodAnswers(t *testing.T) {
	s := newTestService(t, generous())
	client := servicepb.NewFilesClient(dial(t, s))

	sum, err := client.Sum(t.Context(), &servicepb.SumRequest{Path: "hello"})
	require.NoError(t, err)
	require.Equal(t, helloSum, sum.GetSha256())
	require.EqualValues(t, 6, sum.GetSize())

	tree, err := client.Tree(t.Context(), &servicepb.TreeRequest{})
	require.NoError(t, err)
	var names []string
	for {
		sum, err := tree.Recv()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		names = append(names, sum.GetPath())
	}
	require.Equal(t, []string{"hello", "sub/b"}, names)

	echo, err := client.Echo(t.Context())
	require.NoError(t, err)
	for _, text := range []string{"one", "two"} {
		require.NoError(t, echo.Send(&servicepb.EchoMessage{Body: []byte(text)}))
		msg, err := echo.Recv()
		require.NoError(t, err)
		require.Equal(t, text, string(msg.GetBody()))
	}
	require.NoError(t, echo.CloseSend())
	_, err = echo.Recv()
	require.Equal(t, io.EOF, err)
}

func TestBadCallsGetTheRightCode(t *testing.T) {
	client := servicepb.NewFilesClient(dial(t, newTestService(t, generous())))
	for path, want := range map[string]codes.Code{
		"":            codes.InvalidArgument,
		"sub":         codes.InvalidArgument,
		"nothing":     codes.NotFound,
		"../secret":   codes.PermissionDenied,
		"/etc/passwd": codes.PermissionDenied,
		"link":        codes.PermissionDenied,
	} {
		_, err := client.Sum(t.Context(), &servicepb.SumRequest{Path: path})
		require.Equal(t, want, status.Code(err), "%q: %v", path, err)
	}
	tree, err := client.Tree(t.Context(), &servicepb.TreeRequest{Dir: ".."})
	require.NoError(t, err)
	_, err = tree.Recv()
	require.Equal(t, codes.PermissionDenied, status.Code(err))

	echo, err := client.Echo(t.Context())
	require.NoError(t, err)
	require.NoError(t, echo.Send(&servicepb.EchoMessage{Body: make([]byte, maxBody+1)}))
	_, err = echo.Recv()
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
}
