package main

// This file tests that the command can tell the outcomes apart, and that it sees
// losses where there are some.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The test binary plays its own child, as the command does.
func TestMain(m *testing.M) {
	if kind := os.Getenv(role); kind != "" {
		os.Exit(playServer(kind))
	}
	os.Exit(m.Run())
}

func TestAStopByGracefulIsClean(t *testing.T) {
	s := &side{kind: managed}
	require.NoError(t, s.stop(8))
	require.Zero(t, s.unclean)
	require.GreaterOrEqual(t, s.total(answered), int64(warm))
	require.GreaterOrEqual(t, s.flying, 8)
	for p := range s.counts {
		require.Positive(t, s.counts[p][answered], protocol(p))
		require.EqualValues(t, 8+8/4+1, s.counts[p][refused], protocol(p))
	}
}

func TestTheLossesOfAPlainStopAreSeen(t *testing.T) {
	s := &side{kind: plain}
	for range controlMost {
		require.NoError(t, s.stop(32))
		if s.lost() > 0 {
			return
		}
	}
	require.Fail(t, "the control lost nothing")
}

// A server that ends without a word loses whatever is in flight.
func TestEveryRequestInFlightIsLostWithItsServer(t *testing.T) {
	c, err := start(managed)
	require.NoError(t, err)
	l := startLoad(c.addrs, 4)
	require.GreaterOrEqual(t, l.ready(4), 4)
	c.kill()
	<-c.gone
	l.gone()
	l.all.Wait()
	for p := range protocol(protocols) {
		require.GreaterOrEqual(t, l.counts[p][lost].Load()+l.counts[p][late].Load(), int64(2), p)
	}
	require.NotEmpty(t, l.mu.losses)
}

func TestAFailedDialIsARefusalUnlessTheKernelHadAccepted(t *testing.T) {
	for _, c := range []struct {
		err  error
		gone bool
		want outcome
	}{
		{syscall.ECONNREFUSED, false, refused},
		{syscall.ETIMEDOUT, false, refused},
		{context.DeadlineExceeded, false, refused},
		{context.Canceled, true, refused},
		{syscall.ECONNRESET, false, lost},
		{syscall.EADDRNOTAVAIL, false, failed},
		{syscall.EMFILE, false, failed},
		{context.Canceled, false, failed},
	} {
		require.Equal(t, c.want, ofDial(&net.OpError{Op: "dial", Err: c.err}, c.gone), "%v", c.err)
	}
}

func TestAnErrorMeansWhatItsDialOrItsSilenceSays(t *testing.T) {
	dialled := func(o outcome) error { return fmt.Errorf("do: %w", &dialError{o, io.EOF}) }
	overRPC := func(err error) error { return status.Error(codes.Unavailable, "connection error: "+err.Error()) }
	for _, c := range []struct {
		err    error
		sent   bool
		silent time.Duration
		want   outcome
	}{
		{io.EOF, true, settle - 1, lost},
		{io.EOF, true, settle, late},
		{io.EOF, false, settle - 1, lost}, // a handshake that failed
		{io.EOF, false, settle, late},
		{dialled(refused), false, 0, refused},
		{dialled(refused), false, settle, refused},
		{dialled(refused), true, settle - 1, turned},
		{dialled(refused), true, settle, late},
		{dialled(lost), false, 0, lost},
		{dialled(failed), false, 0, failed},
		{overRPC(dialled(refused)), false, 0, refused},
		{overRPC(dialled(refused)), true, 0, turned},
		{overRPC(dialled(lost)), false, 0, lost},
		{overRPC(dialled(failed)), false, 0, failed},
		{overRPC(errors.New("error reading from server: EOF")), true, 0, lost},
		{status.Error(codes.DeadlineExceeded, "too late"), true, 0, lost},
		{errOdd, true, 0, lost},
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

func TestTheExitCodeSaysWhetherTheRunProvesAnything(t *testing.T) {
	counted := func(o outcome, n int64) *side {
		s := &side{stops: 1}
		s.counts[oneShot][o] = n
		return s
	}
	for _, c := range []struct {
		ours, control *side
		code          int
		verdict       string
	}{
		{counted(answered, 5000), counted(lost, 1), 0, "PASS: graceful lost 0 of 5,000; the control lost 1 of 1"},
		{counted(late, 5), counted(lost, 1), 0, "PASS: graceful lost 0 of 5; the control lost 1 of 1"},
		{counted(lost, 1), counted(lost, 1), 1, "FAIL: graceful lost 1 of 1, and 0 of 1 stops did not end cleanly"},
		{&side{stops: 9, unclean: 2}, counted(lost, 1), 1, "FAIL: graceful lost 0 of 0, and 2 of 9 stops did not end cleanly"},
		{counted(lost, 1), counted(late, 1), 4, "VOID: 1 stops by Shutdown and GracefulStop lost nothing: this load proves nothing"},
	} {
		verdict, code := judge(c.ours, c.control)
		require.Equal(t, c.verdict, verdict)
		require.Equal(t, c.code, code)
	}
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
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s: %d\r\nContent-Length: 1\r\n\r\nx", answeredAt, time.Now().UnixNano())
			conns <- c
		}
	}()
	c := &http1{addr: ln.Addr().String(), dial: dialer(context.Background()), keep: true}
	defer c.close()
	for range 2 {
		o, err := c.do("x", func() {})
		require.NoError(t, err)
		require.Equal(t, answered, o)
		require.NoError(t, (<-conns).(*net.TCPConn).CloseWrite())
	}
}

func TestTheTableFitsOnAScreen(t *testing.T) {
	s := &side{kind: managed, stops: 100, after: []time.Duration{time.Second, time.Millisecond, time.Minute}}
	s.counts[overTLS][answered] = 1234567
	text := table(s, s, 64)
	require.LessOrEqual(t, strings.Count(text, "\n"), 24)
	require.Contains(t, text, "TLS h2              |  1,234,567      0")
	require.Contains(t, text, "p50 1000.0 ms, max 60000.0 ms")
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, thousands(n))
	}
}
