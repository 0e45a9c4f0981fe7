// Grpc puts limits, a deadline and an orderly end around a gRPC server; the method
// itself knows nothing of that.
//
// Look at the codes: who is over its rate gets ResourceExhausted, with the time
// after which to come back, and a call whose deadline is too close for an answer
// isn't begun. The call that is in flight at the stop is answered.
//
// It prints:
//
//	alice OK
//	alice OK
//	alice ResourceExhausted, come back in a minute or a bit more: true
//	bob in a hurry DeadlineExceeded
//	in flight at the stop: OK
//	exit code: 0
package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	belaygrpc "github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/examples/service/servicepb"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/semaphore"
)

// files is the service.
type files struct {
	servicepb.UnimplementedFilesServer
	begun chan struct{}
}

func (f files) Sum(_ context.Context, r *servicepb.SumRequest) (*servicepb.FileSum, error) {
	if r.GetPath() == "large" {
		close(f.begun)
		time.Sleep(100 * time.Millisecond)
	}
	return &servicepb.FileSum{}, nil
}

func main() {
	perClient := keyed.NewRate[string](keyed.RateOptions{Limit: 1.0 / 60, Burst: 2})
	clients := belaygrpc.PerKey(
		belaygrpc.ByMetadata("user"), // checked by then; without users there is ByPeer
		func(key string) limiter.Limiter { return perClient.For(key) },
		belaygrpc.Options{Name: "client"})
	whole := belaygrpc.Shared(semaphore.NewWeighted(100), belaygrpc.Options{Name: "service"})
	deadline := belaygrpc.Deadline{Limit: 10 * time.Second, Least: 5 * time.Second}
	var end belaygrpc.Graceful
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(end.UnaryServer, clients.UnaryServer, whole.UnaryServer, deadline.UnaryServer),
		grpc.ChainStreamInterceptor(end.StreamServer, clients.StreamServer, whole.StreamServer))
	f := files{begun: make(chan struct{})}
	servicepb.RegisterFilesServer(server, f)

	var m *graceful.Manager
	driven := make(chan struct{})
	m = graceful.New(graceful.Options{OnReady: func() { go func() { defer close(driven); drive(m, f) }() }})
	m.Add(1, end.Component("grpc", "127.0.0.1:0", server))
	code := m.Main(context.Background())
	<-driven
	fmt.Println("exit code:", code)
}

// drive is the clients.
func drive(m *graceful.Manager, f files) {
	conn, err := grpc.NewClient(m.Addr("grpc").String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	sum := func(ctx context.Context, user, path string) error {
		_, err := servicepb.NewFilesClient(conn).Sum(metadata.AppendToOutgoingContext(ctx, "user", user), &servicepb.SumRequest{Path: path})
		return err
	}
	ctx := context.Background()
	fmt.Println("alice", status.Code(sum(ctx, "alice", "")))
	fmt.Println("alice", status.Code(sum(ctx, "alice", "")))
	err = sum(ctx, "alice", "")
	wait, _ := belaygrpc.RetryDelay(err)
	fmt.Printf("alice %v, come back in a minute or a bit more: %v\n", status.Code(err), wait > 30*time.Second && wait <= 75*time.Second)

	hurry, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	fmt.Println("bob in a hurry", status.Code(sum(hurry, "bob", "")))

	answer := make(chan error)
	go func() { answer <- sum(ctx, "bob", "large") }()
	<-f.begun
	m.Stop(nil) // or SIGTERM
	fmt.Println("in flight at the stop:", status.Code(<-answer))
}
