package belaygrpc_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// serve calls a server's interceptor as grpc does, around a handler.
func serve(ctx context.Context, i grpc.UnaryServerInterceptor, handle func(ctx context.Context) error) error {
	_, err := i(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/shop.Orders/List"},
		func(ctx context.Context, _ any) (any, error) { return nil, handle(ctx) })
	return err
}

func nothing(context.Context) error { return nil }

// A server with all of it, below a manager: who is over its own limit is refused
// first, and takes no place of the others.
func Example() {
	perClient := keyed.NewRate[string](keyed.RateOptions{Keys: 10_000, Limit: 100, Burst: 100})
	clients := belaygrpc.PerKey(belaygrpc.ByPeer, func(key string) limiter.Limiter { return perClient.For(key) }, belaygrpc.Options{Name: "client"})
	service := belaygrpc.Shared(semaphore.NewWeighted(200), belaygrpc.Options{Name: "service", Wait: 100 * time.Millisecond})
	deadline := belaygrpc.Deadline{Limit: 10 * time.Second, Reserve: 20 * time.Millisecond}
	panics := belaygrpc.Panics{}
	state := health.NewServer()
	end := belaygrpc.Graceful{Health: state}

	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(clients.UnaryServer, service.UnaryServer, panics.UnaryServer, deadline.UnaryServer),
		grpc.ChainStreamInterceptor(end.StreamServer, clients.StreamServer, service.StreamServer, panics.StreamServer),
	)
	healthpb.RegisterHealthServer(server, state)

	var m graceful.Manager
	m.Add(1, end.Component("grpc", "127.0.0.1:0", server))
	// report, err := m.Run(context.Background())
}

func ExampleShared() {
	l := belaygrpc.Shared(semaphore.NewWeighted(1), belaygrpc.Options{Name: "service"})
	ctx := context.Background()
	err := serve(ctx, l.UnaryServer, func(context.Context) error {
		return serve(ctx, l.UnaryServer, nothing) // another call, while this one runs
	})
	fmt.Println(status.Code(err))
	// Output: Unavailable
}

func ExamplePerKey() {
	perUser := keyed.NewRate[string](keyed.RateOptions{Keys: 1000, Limit: 1, Burst: 1})
	l := belaygrpc.PerKey(belaygrpc.ByMetadata("user"), func(key string) limiter.Limiter { return perUser.For(key) }, belaygrpc.Options{})
	for _, user := range []string{"ann", "bob", "ann"} {
		ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("user", user))
		fmt.Println(user, status.Code(serve(ctx, l.UnaryServer, nothing)))
	}
	// Output:
	// ann OK
	// bob OK
	// ann ResourceExhausted
}

// Behind proxies, httplimit says whose a call is: it can't be made to believe what
// a client has invented.
func ExamplePerKey_behindProxies() {
	byHops := httplimit.ByXForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	key := func(ctx context.Context, _ belaygrpc.Call) string {
		r := &http.Request{Header: http.Header{"X-Forwarded-For": metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")}}
		if p, ok := peer.FromContext(ctx); ok {
			r.RemoteAddr = p.Addr.String()
		}
		return byHops(r)
	}
	ctx := peer.NewContext(context.Background(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}})
	ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("x-forwarded-for", "192.0.2.7"))
	fmt.Println(key(ctx, belaygrpc.Call{}))
	// Output: 192.0.2.7
}

func ExampleByPeer() {
	for _, ip := range []string{"192.0.2.1", "2001:db8:1:2:3::4"} {
		ctx := peer.NewContext(context.Background(), &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 4242}})
		fmt.Println(belaygrpc.ByPeer(ctx, belaygrpc.Call{}))
	}
	// Output:
	// 192.0.2.1
	// 2001:db8:1:2::/64
}

func ExampleByMetadata() {
	key := belaygrpc.ByMetadata("tenant")
	ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("tenant", "blue"))
	fmt.Printf("%q %q\n", key(ctx, belaygrpc.Call{}), key(context.Background(), belaygrpc.Call{}))
	// Output: "blue" ""
}

// What a call costs is known when it has been served.
func ExamplePermitOf() {
	pace := rate.NewLimiter(1, 10)
	l := belaygrpc.Shared(pace, belaygrpc.Options{Name: "rows", Settle: true})
	_ = serve(context.Background(), l.UnaryServer, func(ctx context.Context) error {
		rows := int64(6)
		belaygrpc.PermitOf(ctx, "rows").Settle(rows)
		return nil
	})
	fmt.Printf("%.0f left\n", pace.Tokens())
	// Output: 4 left
}

// Some calls are dearer than others, and refusals are counted.
func ExampleOptions() {
	refused := map[string]int{}
	l := belaygrpc.Shared(semaphore.NewWeighted(10), belaygrpc.Options{
		Name: "cpu",
		Cost: func(_ context.Context, call belaygrpc.Call) int64 {
			if call.Method == "/shop.Orders/List" {
				return 20
			}
			return 1
		},
		OnRefused: func(_ context.Context, call belaygrpc.Call, why belaygrpc.Refusal) {
			refused[call.Method+" "+why.Code.String()]++
		},
	})
	_ = serve(context.Background(), l.UnaryServer, nothing)
	fmt.Println(refused)
	// Output: map[/shop.Orders/List InvalidArgument:1]
}

// A limit per server that a client talks to.
func ExampleCall() {
	byTarget := func(_ context.Context, call belaygrpc.Call) string { return call.Target }
	perServer := keyed.NewRate[string](keyed.RateOptions{Keys: 100, Limit: 50, Burst: 10})
	l := belaygrpc.PerKey(byTarget, func(key string) limiter.Limiter { return perServer.For(key) }, belaygrpc.Options{})
	_ = grpc.WithChainUnaryInterceptor(l.UnaryClient)
}

// Another code, where clients expect that.
func ExampleRefusal() {
	l := belaygrpc.Shared(semaphore.NewWeighted(0), belaygrpc.Options{
		Refuse: func(_ context.Context, _ belaygrpc.Call, why belaygrpc.Refusal) *status.Status {
			if why.Code == codes.Unavailable {
				return status.New(codes.ResourceExhausted, "busy")
			}
			return nil // as it is
		},
	})
	fmt.Println(serve(context.Background(), l.UnaryServer, nothing))
	// Output: rpc error: code = ResourceExhausted desc = busy
}

// A client that limits itself, on one connection or on many.
func ExampleLimit() {
	l := belaygrpc.Shared(rate.NewLimiter(10, 1), belaygrpc.Options{Wait: time.Second})
	_ = []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(l.UnaryClient),
		grpc.WithChainStreamInterceptor(l.StreamClient),
	}
}

// ask calls a client's interceptor as grpc does.
func ask(l *belaygrpc.Limit) error {
	return l.UnaryClient(context.Background(), "/shop.Orders/List", nil, nil, nil,
		func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil })
}

func ExampleLimit_UnaryClient() {
	l := belaygrpc.Shared(rate.NewLimiter(10, 1), belaygrpc.Options{})
	for range 2 {
		err := ask(l)
		var refused *limiter.RefusedError // it has not been sent
		fmt.Println(status.Code(err), errors.As(err, &refused))
	}
	// Output:
	// OK false
	// ResourceExhausted true
}

// A stream holds its permit until it ends: RecvMsg fails, or its context ends.
func ExampleLimit_StreamClient() {
	streams := belaygrpc.Shared(semaphore.NewWeighted(100), belaygrpc.Options{Name: "subscriptions"})
	_ = grpc.WithChainStreamInterceptor(streams.StreamClient)
}

func ExampleLimit_UnaryServer() {
	l := belaygrpc.Shared(rate.NewLimiter(10, 1), belaygrpc.Options{})
	for range 2 {
		fmt.Println(status.Code(serve(context.Background(), l.UnaryServer, nothing)))
	}
	// Output:
	// OK
	// ResourceExhausted
}

// A stream that pays for each of its messages, and whose client has to wait.
func ExampleLimit_StreamServer() {
	l := belaygrpc.Shared(rate.NewLimiter(100, 10), belaygrpc.Options{Messages: true, Wait: time.Second})
	_ = grpc.ChainStreamInterceptor(l.StreamServer)
}

func ExampleRetryDelay() {
	l := belaygrpc.Shared(rate.NewLimiter(0.001, 1), belaygrpc.Options{})
	_ = ask(l)
	after, ok := belaygrpc.RetryDelay(ask(l))
	fmt.Println(ok, after > 900*time.Second && after <= 1200*time.Second)
	// Output: true true
}

func ExampleDeadline() {
	d := belaygrpc.Deadline{Limit: time.Second, Reserve: 50 * time.Millisecond}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := serve(ctx, d.UnaryServer, nothing) // there would be no time to answer
	fmt.Println(status.Code(err))
	// Output: DeadlineExceeded
}

func ExampleDeadline_UnaryServer() {
	d := belaygrpc.Deadline{Limit: 10 * time.Millisecond}
	err := serve(context.Background(), d.UnaryServer, func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

func ExampleDeadline_StreamServer() {
	d := belaygrpc.Deadline{Limit: time.Hour}
	_ = grpc.ChainStreamInterceptor(d.StreamServer)
}

// Half a second of the caller's time is its own.
func ExampleDeadline_UnaryClient() {
	d := belaygrpc.Deadline{Reserve: 500 * time.Millisecond, Least: 10 * time.Millisecond}
	_ = grpc.WithChainUnaryInterceptor(d.UnaryClient)
}

func ExampleDeadline_StreamClient() {
	d := belaygrpc.Deadline{Reserve: 500 * time.Millisecond}
	_ = grpc.WithChainStreamInterceptor(d.StreamClient)
}

func ExamplePanics() {
	p := belaygrpc.Panics{OnPanic: func(_ context.Context, method string, p *belay.PanicError) {
		fmt.Println(method, p.Value, len(p.Stack) > 0)
	}}
	fmt.Println(serve(context.Background(), p.UnaryServer, func(context.Context) error { panic("out of cheese") }))
	// Output:
	// /shop.Orders/List out of cheese true
	// rpc error: code = Internal desc = internal error
}

func ExamplePanics_UnaryServer() {
	p := belaygrpc.Panics{} // to slog
	_ = grpc.ChainUnaryInterceptor(p.UnaryServer)
}

func ExamplePanics_StreamServer() {
	p := belaygrpc.Panics{}
	_ = grpc.ChainStreamInterceptor(p.StreamServer)
}

// A stream that says goodbye when the server stops.
func ExampleGraceful() {
	_ = func(stream grpc.ServerStream, news <-chan string) error {
		for {
			select {
			case text := <-news:
				fmt.Println(text) // or stream.Send
			case <-graceful.Draining(stream.Context()):
				return status.Error(codes.Unavailable, "come back, to another server")
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
	}
}

func ExampleGraceful_Component() {
	end := belaygrpc.Graceful{Health: health.NewServer()}
	server := grpc.NewServer(grpc.ChainStreamInterceptor(end.StreamServer))
	var m graceful.Manager
	m.Add(1, end.Component("grpc", "127.0.0.1:0", server))
}

func ExampleGraceful_StreamServer() {
	var end belaygrpc.Graceful
	_ = grpc.ChainStreamInterceptor(end.StreamServer)
}

// A poll that waits for news is a unary call, and has to end with the server too.
func ExampleGraceful_UnaryServer() {
	var end belaygrpc.Graceful
	_ = grpc.ChainUnaryInterceptor(end.UnaryServer)
}
