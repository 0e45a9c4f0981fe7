package load

// This file says what became of a request, and how that is told.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Outcome is what became of one request:
//
//   - answered: completely, and with what was asked for.
//   - lost: sent, or at least connected, and no complete answer. No client tries
//     again by itself, except that the stock clients of h2 and grpc do so when the
//     server tells them that it has not begun a request.
//   - turned: sent, and the server told that it had not begun it, so that the
//     stock client tried again, and found nobody.
//   - late: one of these two, where the client had been silent for longer than a
//     server that stops has to wait for it. Clients here never wait, so it is the
//     machine that kept one from its turn.
//   - refused: dialled when accepting had ended.
//   - failed: the client's own machine is at fault; nothing can be said.
type Outcome int

const (
	Answered Outcome = iota
	Lost
	Late
	Turned
	Refused
	Failed // the client's machine is at fault; nothing can be said

	Outcomes = iota
)

func (o Outcome) String() string {
	return [...]string{"answered", "lost", "late", "turned", "refused", "failed"}[o]
}

const (
	// settle is how long a connection must have been silent in a stop for a
	// server to close it.
	settle = 50 * time.Millisecond
	// answerTime bounds a request.
	answerTime = 8 * time.Second
	// dialTime bounds a dial. The kernel sends a second SYN after one second.
	dialTime = 3 * time.Second
)

// dialError is the error of a dial, to be told from one on a connection, also
// behind a client that does its own dialling.
type dialError struct {
	Outcome
	err error
}

func (e *dialError) Error() string { return fmt.Sprintf("%s%s: %v", dialMark, e.Outcome, e.err) }
func (e *dialError) Unwrap() error { return e.err }

// dialMark leads the text of a dialError: grpc passes on no more than that.
const dialMark = "dial-"

// dialer returns a function that dials until gone is done: then nobody listens
// any more, and a SYN that was dropped need not be sent again to know it.
func dialer(gone context.Context) func(addr string) (net.Conn, error) {
	return func(addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(gone, dialTime)
		defer cancel()
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, &dialError{ofDial(err, gone.Err() != nil), err}
		}
		return c, nil
	}
}

// ofDial tells what a failed dial means. A reset is no refusal: the server's
// kernel had completed the connection, and then threw it away.
func ofDial(err error, gone bool) Outcome {
	switch {
	case gone, errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ETIMEDOUT),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED):
		return Lost
	}
	return Failed
}

// ofError tells what the error of a request means that was sent, or not, after the
// client had been silent for a while.
func ofError(err error, sent bool, silent time.Duration) (Outcome, error) {
	o := Lost
	if d := (*dialError)(nil); errors.As(err, &d) {
		o = d.Outcome
	} else if status.Code(err) == codes.Unavailable {
		for _, named := range []Outcome{Refused, Failed} {
			if strings.Contains(err.Error(), dialMark+named.String()) {
				o = named
			}
		}
	}
	if o == Refused && sent {
		o = Turned
	}
	if (o == Lost || o == Turned) && silent >= settle {
		o = Late
	}
	if o != Refused && o != Failed {
		err = fmt.Errorf("%w (after %.1f ms of silence)", err, silent.Seconds()*1e3)
	}
	return o, err
}

var errOdd = errors.New("another answer than asked for")

// ports are what would make every error a different one.
var ports = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func withoutPorts(err error) string { return ports.ReplaceAllString(err.Error(), "ADDR") }
