package main

// One table of what can go wrong and how each protocol says it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/examples/service/files"
	"github.com/belay-go/belay/limiter"
)

// badValue is the error for a setting that can't be served with. Package flag
// words its own errors like this.
func badValue(value, setting string, err error) error {
	return fmt.Errorf("invalid value %q for %s: %w", value, setting, err)
}

// badRequest is a request that makes no sense.
type badRequest string

func (e badRequest) Error() string { return "service: " + string(e) }

// statusClientGone is the status of an answer that nobody reads, as the client
// has left. No standard has one; proxies log this.
const statusClientGone = 499

// answerTo returns the http status and the grpc code of an error. One that it
// doesn't know is the service's own fault, and is codes.Internal.
func answerTo(err error) (int, codes.Code) {
	var (
		bad     badRequest
		tooLong *http.MaxBytesError
	)
	switch {
	case errors.Is(err, limiter.ErrLimited):
		return http.StatusTooManyRequests, codes.ResourceExhausted
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable, codes.ResourceExhausted
	case errors.Is(err, files.ErrOutside), errors.Is(err, fs.ErrPermission):
		return http.StatusForbidden, codes.PermissionDenied
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound, codes.NotFound
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge, codes.ResourceExhausted
	case errors.As(err, &bad), errors.Is(err, files.ErrKind), errors.Is(err, files.ErrEmptyQuery),
		errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ELOOP),
		errors.Is(err, io.ErrUnexpectedEOF): // a body that broke off
		return http.StatusBadRequest, codes.InvalidArgument
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusGatewayTimeout, codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return statusClientGone, codes.Canceled
	}
	if st, ok := status.FromError(err); ok { // grpc's own, about a stream
		return http.StatusInternalServerError, st.Code()
	}
	return http.StatusInternalServerError, codes.Internal
}
