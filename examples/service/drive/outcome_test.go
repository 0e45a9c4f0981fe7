package drive

// What a failed dial, an http status and a grpc status mean.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAFailedDialIsRefusedUnlessItHadBeenAccepted(t *testing.T) {
	for err, want := range map[error]outcome{
		syscall.ECONNREFUSED:     refused,
		syscall.ETIMEDOUT:        refused,
		os.ErrDeadlineExceeded:   refused,
		context.DeadlineExceeded: refused,
		syscall.ECONNRESET:       lost,
		syscall.ECONNABORTED:     lost,
		syscall.EADDRNOTAVAIL:    broken,
		syscall.EMFILE:           broken,
		context.Canceled:         broken,
		errors.New("who knows"):  broken,
	} {
		wrapped := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
		require.Equal(t, want, ofDial(wrapped), "%v", err)
	}
}

func TestOnlyADialCanBeRefused(t *testing.T) {
	dialed := &dialError{refused, syscall.ECONNREFUSED}
	require.Equal(t, refused, ofError(fmt.Errorf("Post: %w", dialed)).outcome)
	for _, err := range []error{io.EOF, syscall.ECONNRESET, syscall.ECONNREFUSED, context.DeadlineExceeded} {
		require.Equal(t, lost, ofError(fmt.Errorf("Post: %w", err)).outcome, "%v", err)
	}
}

func TestOnlyAWhole200IsAnAnswer(t *testing.T) {
	require.Equal(t, answered, ofStatus(200, true).outcome)
	require.Equal(t, odd, ofStatus(200, false).outcome)
	require.Equal(t, shed, ofStatus(429, false).outcome)
	require.Equal(t, shed, ofStatus(503, false).outcome)
	for _, code := range []int{204, 301, 404, 413, 500, 502, 504} {
		require.Equal(t, odd, ofStatus(code, true).outcome, "%d", code)
	}
}

func TestAGRPCStatusThatACutCanCauseIsLost(t *testing.T) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		want := odd
		switch code {
		case codes.OK, codes.NotFound:
			want = answered
		case codes.ResourceExhausted:
			want = shed
		case codes.Unavailable, codes.Unknown, codes.Internal, codes.Canceled, codes.DeadlineExceeded:
			want = lost
		}
		require.Equal(t, want, ofRPC(status.Error(code, "text")).outcome, "%v", code)
	}
	require.Equal(t, lost, ofRPC(io.EOF).outcome)
	require.Equal(t, lost, ofRPC(status.Error(codes.Unavailable, "connection refused")).outcome,
		"a server's word is not a dial's")
}
