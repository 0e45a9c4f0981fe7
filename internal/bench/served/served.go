// Package served has the servers that are measured and stopped here, as they
// are before anybody decides how to stop them: http/1.1, h2c, TLS h2 and grpc.
package served

// This file makes them, and clients that speak their protocol and no other.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Protocol is a way to ask a server over http.
type Protocol string

// The protocols of Web.
const (
	HTTP1 Protocol = "http/1.1"
	H2C   Protocol = "h2c"
	TLSH2 Protocol = "TLS h2"
)

// certificate is for whoever does not ask whose it is.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// protocols are what a server or a transport speaks. A server of h2c speaks
// http/1.1 as well.
func (p Protocol) protocols(server bool) *http.Protocols {
	var ps http.Protocols
	ps.SetHTTP1(p == HTTP1 || p == H2C && server)
	ps.SetUnencryptedHTTP2(p == H2C)
	ps.SetHTTP2(p == TLSH2)
	return &ps
}

// URL is that of a server of the protocol.
func (p Protocol) URL(addr string) string {
	if p == TLSH2 {
		return "https://" + addr
	}
	return "http://" + addr
}

// Web returns a server of the protocol that says nothing of the errors of its
// connections.
func Web(p Protocol, h http.Handler) *http.Server {
	srv := &http.Server{Handler: h, Protocols: p.protocols(true), ErrorLog: log.New(io.Discard, "", 0)}
	if p == TLSH2 {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate()}}
	}
	return srv
}

// AnsweredAt is the header in which Echo says when it answered, in nanoseconds.
const AnsweredAt = "Answered"

// work is how long a request may take, at most; half of it on average.
const work = 40 * time.Millisecond

// Echo answers with what it was sent, a while later.
func Echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	toil()
	w.Header().Set(AnsweredAt, strconv.FormatInt(time.Now().UnixNano(), 10))
	_, _ = w.Write(body)
}

// EchoCall is Echo for RPC.
func EchoCall(_ context.Context, in string) string {
	toil()
	return in
}

func toil() { time.Sleep(rand.N(work)) }

// Serve serves with srv as net/http would.
func Serve(srv *http.Server, ln net.Listener) error {
	if srv.TLSConfig != nil {
		return srv.ServeTLS(ln, "", "")
	}
	return srv.Serve(ln)
}

// ClientTLS believes every server, and speaks h2.
func ClientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}
}

// Transport returns a stock transport that speaks the protocol only. dial may
// be nil.
func Transport(p Protocol, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	t := &http.Transport{Protocols: p.protocols(false), DialContext: dial, DisableCompression: true}
	if p == TLSH2 {
		t.TLSClientConfig = ClientTLS()
	}
	return t
}

// Listen opens a socket as graceful does: without MPTCP, which costs something
// and is on by default.
func Listen() (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
}

// unary answers a call.
type unary interface {
	call(ctx context.Context, in string) string
}

// Handler is what a grpc server does with the one method that it has.
type Handler func(ctx context.Context, in string) string

func (h Handler) call(ctx context.Context, in string) string { return h(ctx, in) }

const (
	method       = "/bench.Echo/Echo"
	conversation = "/bench.Echo/Converse"

	// turns is how many messages go back and forth in a conversation.
	turns = 4
)

// RPC returns a grpc server with one unary method, and one in which each message
// is answered like a call.
func RPC(h Handler) *grpc.Server {
	srv := grpc.NewServer()
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Echo",
		HandlerType: (*unary)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var in wrapperspb.StringValue
				if err := decode(&in); err != nil {
					return nil, err
				}
				return wrapperspb.String(srv.(unary).call(ctx, in.GetValue())), nil
			},
		}},
		Streams: []grpc.StreamDesc{{StreamName: "Converse", Handler: converse, ServerStreams: true, ClientStreams: true}},
	}, h)
	return srv
}

func converse(srv any, stream grpc.ServerStream) error {
	for {
		var in wrapperspb.StringValue
		err := stream.RecvMsg(&in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = stream.SendMsg(wrapperspb.String(srv.(unary).call(stream.Context(), in.GetValue())))
		}
		if err != nil {
			return err
		}
	}
}

// Converse holds a conversation, and returns the last answer.
func Converse(ctx context.Context, c *grpc.ClientConn, in string) (string, error) {
	stream, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, conversation)
	if err != nil {
		return "", err
	}
	var out wrapperspb.StringValue
	for range turns {
		_ = stream.SendMsg(wrapperspb.String(in)) // should it fail, what follows says why
		if err := stream.RecvMsg(&out); err != nil {
			return "", ended(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
		return "", ended(err)
	}
	return out.GetValue(), nil
}

// ended is the error of a conversation that ended before its time.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Client returns a client connection to a server of RPC, which is not dialled
// before it is needed. dial may be nil.
func Client(addr string, dial func(ctx context.Context, addr string) (net.Conn, error)) (*grpc.ClientConn, error) {
	opts := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(), grpc.WithStatsHandler(watcher{})}
	if dial != nil {
		opts = append(opts, grpc.WithContextDialer(dial))
	}
	return grpc.NewClient("passthrough:///"+addr, opts...)
}

// Call makes one call.
func Call(ctx context.Context, c *grpc.ClientConn, in string) (string, error) {
	var out wrapperspb.StringValue
	err := c.Invoke(ctx, method, wrapperspb.String(in), &out)
	return out.GetValue(), err
}

type sentKey struct{}

// Sent returns a context for one call, and what tells when that call was last put
// on a connection; zero if it never was.
func Sent(ctx context.Context) (context.Context, func() time.Time) {
	at := new(atomic.Pointer[time.Time])
	return context.WithValue(ctx, sentKey{}, at), func() time.Time {
		if t := at.Load(); t != nil {
			return *t
		}
		return time.Time{}
	}
}

// watcher is told of each step of a call.
type watcher struct{}

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watcher) HandleConn(context.Context, stats.ConnStats)                       {}

func (watcher) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if at, ok := ctx.Value(sentKey{}).(*atomic.Pointer[time.Time]); ok {
		if _, ok := s.(*stats.OutHeader); ok {
			now := time.Now()
			at.Store(&now)
		}
	}
}
