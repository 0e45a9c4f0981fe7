package main

// The grpc side: the same work behind the same limits.

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/examples/service/files"
	"github.com/belay-go/belay/examples/service/servicepb"
)

// newGRPCServer returns the server of -grpc, with the health service.
func (s *service) newGRPCServer() *grpc.Server {
	srv := grpc.NewServer(append(s.rpcOptions(),
		grpc.MaxRecvMsgSize(maxBody),
		grpc.ConnectionTimeout(requestTime),
	)...)
	servicepb.RegisterFilesServer(srv, s)
	healthpb.RegisterHealthServer(srv, s.health)
	return srv
}

// Sum returns the digest of one file.
func (s *service) Sum(ctx context.Context, req *servicepb.SumRequest) (*servicepb.FileSum, error) {
	if req.GetPath() == "" {
		return nil, badRequest("want a path")
	}
	ctx, cancel := ctxutil.ShrinkNamed(ctx, "disk", diskTime)
	defer cancel()
	sum, err := s.store.Sum(ctx, req.GetPath())
	if err != nil {
		return nil, err
	}
	return message(sum), nil
}

// Tree sends the digests of all files below a folder.
func (s *service) Tree(req *servicepb.TreeRequest, stream grpc.ServerStreamingServer[servicepb.FileSum]) error {
	ctx, cancel := ctxutil.ShrinkNamed(stream.Context(), "request", requestTime)
	defer cancel()
	sums, err := s.store.Tree(ctx, orDot(req.GetDir()))
	if err != nil {
		return err
	}
	for _, sum := range sums {
		if err := stream.Send(message(sum)); err != nil {
			return err
		}
	}
	return nil
}

// Echo sends every message back. It lasts as long as the client wants it to:
// no deadline fits all conversations.
func (s *service) Echo(stream grpc.BidiStreamingServer[servicepb.EchoMessage, servicepb.EchoMessage]) error {
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(msg); err != nil {
			return err
		}
	}
}

func message(sum files.Sum) *servicepb.FileSum {
	return &servicepb.FileSum{Path: sum.Path, Sha256: sum.SHA256, Size: sum.Size, Error: sum.Error}
}

// rpcError gives an error its grpc code.
func (s *service) rpcError(method string, err error) error {
	if err == nil {
		return nil
	}
	_, code := answerTo(err)
	if code == codes.Internal {
		s.log.Error("request failed", "route", method, "err", err)
		return status.Error(code, "internal error")
	}
	return status.Error(code, err.Error())
}
