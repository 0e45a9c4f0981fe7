package load

// This file tests that a client can tell the outcomes apart.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/internal/bench/served"
)

func TestAFailedDialIsARefusalUnlessTheKernelHadAccepted(t *testing.T) {
	for _, c := range []struct {
		err  error
		gone bool
		want Outcome
	}{
		{syscall.ECONNREFUSED, false, Refused},
		{syscall.ETIMEDOUT, false, Refused},
		{context.DeadlineExceeded, false, Refused},
		{context.Canceled, true, Refused},
		{syscall.ECONNRESET, false, Lost},
		{syscall.EADDRNOTAVAIL, false, Failed},
		{syscall.EMFILE, false, Failed},
		{context.Canceled, false, Failed},
	} {
		require.Equal(t, c.want, ofDial(&net.OpError{Op: "dial", Err: c.err}, c.gone), "%v", c.err)
	}
}

func TestAnErrorMeansWhatItsDialOrItsSilenceSays(t *testing.T) {
	dialled := func(o Outcome) error { return fmt.Errorf("do: %w", &dialError{o, io.EOF}) }
	overRPC := func(err error) error { return status.Error(codes.Unavailable, "connection error: "+err.Error()) }
	for _, c := range []struct {
		err    error
		sent   bool
		silent time.Duration
		want   Outcome
	}{
		{io.EOF, true, settle - 1, Lost},
		{io.EOF, true, settle, Late},
		{io.EOF, false, settle - 1, Lost}, // a handshake that failed
		{io.EOF, false, settle, Late},
		{dialled(Refused), false, 0, Refused},
		{dialled(Refused), false, settle, Refused},
		{dialled(Refused), true, settle - 1, Turned},
		{dialled(Refused), true, settle, Late},
		{dialled(Lost), false, 0, Lost},
		{dialled(Failed), false, 0, Failed},
		{overRPC(dialled(Refused)), false, 0, Refused},
		{overRPC(dialled(Refused)), true, 0, Turned},
		{overRPC(dialled(Lost)), false, 0, Lost},
		{overRPC(dialled(Failed)), false, 0, Failed},
		{overRPC(errors.New("error reading from server: EOF")), true, 0, Lost},
		{status.Error(codes.DeadlineExceeded, "too late"), true, 0, Lost},
		{errOdd, true, 0, Lost},
	} {
		o, err := ofError(c.err, c.sent, c.silent)
		require.Equal(t, c.want, o, "%v", c.err)
		require.ErrorIs(t, err, c.err)
	}
}

func TestASilenceInTheHandshakeIsNotedByItsLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := line{dial: func(string) (net.Conn, error) {
			time.Sleep(3 * time.Millisecond)
			ours, theirs := net.Pipe()
			go io.Copy(io.Discard, theirs) // ends when ours is closed
			return ours, nil
		}}
		require.Zero(t, l.silence(time.Time{}))
		c, err := l.connect(t.Context(), "")
		require.NoError(t, err)
		defer c.Close()
		for _, d := range []time.Duration{1, 7, 2} {
			time.Sleep(d * time.Millisecond)
			_, err = io.WriteString(c, "x")
			require.NoError(t, err)
		}
		require.Equal(t, 7*time.Millisecond, l.silence(time.Time{}))
		require.Equal(t, 7*time.Millisecond, l.silence(time.Now()))
		l.answered = time.Now().Add(-time.Second)
		require.Equal(t, time.Second, l.silence(time.Now()))
	})
}

// Its close may have been there before the request; then nothing was asked.
func TestAClientThatFindsItsConnectionClosedDialsAnew(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	conns := make(chan net.Conn, 2)
	go func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s: %d\r\nContent-Length: 1\r\n\r\nx", served.AnsweredAt, time.Now().UnixNano())
			conns <- c
		}
	}()
	c := &http1{addr: ln.Addr().String(), dial: dialer(context.Background()), keep: true}
	defer c.close()
	for range 2 {
		o, err := c.do("x", func() {})
		require.NoError(t, err)
		require.Equal(t, Answered, o)
		require.NoError(t, (<-conns).(*net.TCPConn).CloseWrite())
	}
}
