package drive

// The words of the contract for what became of a request, and who has to be
// asked: the dial, the write, or the answer.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// outcome is what became of one request.
type outcome int

const (
	// unsent: the connection turned out to be closed before a byte of the
	// request went out. Nothing was asked, so nothing is counted, and the
	// client dials anew.
	unsent outcome = iota
	// answered: a complete answer, and the one that was asked for.
	answered
	// odd: a complete answer that says something else, such as a 500.
	odd
	// shed: turned away with 429, 503 or ResourceExhausted.
	shed
	// lost: sent, or at least connected, and no complete answer.
	lost
	// refused: dialled, and not accepted any more.
	refused
	// broken: the client's own machine is at fault (no port, no
	// descriptor); the round is worth nothing.
	broken

	numOutcomes = iota
)

func (o outcome) String() string {
	return [...]string{"unsent", "answered", "odd", "shed", "lost", "refused", "broken"}[o]
}

// result is an outcome and, unless it is a good one, what led to it.
type result struct {
	outcome
	err error
}

// dialTimeout bounds a dial. A server that is about to close its socket may
// drop the first packet of a new connection; the kernel sends another one
// after 1 s, which is then refused.
const dialTimeout = 3 * time.Second

// answerTime bounds a request; one that takes longer is lost.
const answerTime = 8 * time.Second

// dialError is an error of dial, so that it can be told from an error on a
// connection behind a client library that does its own dialling.
type dialError struct {
	result outcome
	err    error
}

func (e *dialError) Error() string { return fmt.Sprintf("%s%s: %v", dialMark, e.result, e.err) }
func (e *dialError) Unwrap() error { return e.err }

// dialMark leads the text of a dialError, for grpc, which passes on no more
// than the text.
const dialMark = "drive-dial-"

// dial connects to addr. Its error is a *dialError.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, &dialError{ofDial(err), err}
	}
	return conn, nil
}

// ofDial tells what a failed dial means. A reset is not a refusal: the
// server's kernel had completed the connection and then threw it away.
func ofDial(err error) outcome {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT):
		return refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED):
		return lost
	}
	return broken
}

// ofError tells what the error of a request means that may have dialled.
func ofError(err error) result {
	var d *dialError
	if errors.As(err, &d) {
		return result{d.result, err}
	}
	return result{lost, err}
}

// ofStatus tells what a complete http answer means. whole says that its body
// is the one that was asked for.
func ofStatus(code int, whole bool) result {
	switch {
	case code == 200 && whole:
		return result{outcome: answered}
	case code == 429, code == 503:
		return result{shed, fmt.Errorf("status %d", code)}
	case code == 200:
		return result{odd, errors.New("status 200 with another body than asked for")}
	}
	return result{odd, fmt.Errorf("status %d", code)}
}
