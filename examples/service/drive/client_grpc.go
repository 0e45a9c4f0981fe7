package drive

// The grpc clients: one unary call, or one conversation, at a time on a
// connection of its own, fail-fast and with grpc's retries turned off. What
// grpc still does by itself is to move a call that the server has declared
// unprocessed; the answer to that one counts like any other.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/belay-go/belay/examples/service/servicepb"
)

// pingPongs is how many messages go back and forth in one conversation.
const pingPongs = 8

// treeEvery: so many-th of the streams is a tree, the others converse.
const treeEvery = 16

// rpc is one grpc connection, or one after the other. Only its worker uses it.
type rpc struct {
	addr   string
	sample sample
	stream bool // conversations and trees; else Sum

	conn  *grpc.ClientConn
	files servicepb.FilesClient
}

// connect makes a connection unless there is one. Grpc dials it as part of
// the next call.
func (c *rpc) connect(context.Context) error {
	if c.conn != nil {
		return nil
	}
	conn, err := grpc.NewClient("passthrough:///"+c.addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return dial(ctx, addr)
		}))
	if err != nil {
		return &dialError{broken, err}
	}
	c.conn, c.files = conn, servicepb.NewFilesClient(conn)
	return nil
}

// do makes the n-th call.
func (c *rpc) do(ctx context.Context, n int) result {
	ctx, cancel := context.WithDeadline(ctx, deadline(ctx))
	defer cancel()
	var err error
	switch {
	case !c.stream:
		err = c.sum(ctx, c.sample.file(n))
	case n%treeEvery == treeEvery-1 && c.sample.dir != "":
		err = c.tree(ctx)
	default:
		err = c.converse(ctx, n)
	}
	r := ofRPC(err)
	if r.outcome == lost {
		// For a while the connection would fail every call with the same
		// error, and one loss would be counted many times.
		c.close()
	}
	return r
}

func (c *rpc) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *rpc) sum(ctx context.Context, path string) error {
	sum, err := c.files.Sum(ctx, &servicepb.SumRequest{Path: path})
	if err == nil && (sum.GetPath() != path || sum.GetSha256() == "") {
		return errOdd
	}
	return err
}

// converse exchanges a few messages and waits for the server's last word.
func (c *rpc) converse(ctx context.Context, n int) error {
	stream, err := c.files.Echo(ctx)
	if err != nil {
		return err
	}
	for i := range pingPongs {
		want := echoBody(n + i)
		// Should Send fail, Recv says why.
		stream.Send(&servicepb.EchoMessage{Body: want})
		got, err := stream.Recv()
		if err != nil {
			return early(err)
		}
		if !bytes.Equal(got.GetBody(), want) {
			return errOdd
		}
		time.Sleep(pause(n) / pingPongs)
	}
	stream.CloseSend()
	if _, err = stream.Recv(); err == nil {
		return errOdd
	}
	return end(err)
}

// tree reads a stream of the server's to its end.
func (c *rpc) tree(ctx context.Context) error {
	stream, err := c.files.Tree(ctx, &servicepb.TreeRequest{Dir: c.sample.dir})
	if err != nil {
		return err
	}
	for some := false; ; some = true {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) && !some {
			return errOdd
		} else if err != nil {
			return end(err)
		}
	}
}
