package belaygrpc

// This file turns what a limit says into what a caller understands.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
)

// Refusal is why a call, or a message, got nothing of its limit. It is a plain
// value.
type Refusal struct {
	// Key is the call's; empty for [Shared]. It may be a secret of the client's.
	Key string
	// Err is that of the limiter: a [*limiter.RefusedError], an error that Is that
	// of the call's context, or a [*ctxutil.TimeoutError] of [Options.Wait].
	Err error
	// Code is ResourceExhausted, Unavailable, Canceled, DeadlineExceeded or
	// InvalidArgument, as the package doc says.
	Code codes.Code
	// RetryAfter is what the caller is told, in whole milliseconds; zero if
	// nothing is.
	RetryAfter time.Duration
}

// refusal is the error of a call that was not made: a status, and why.
type refusal struct {
	status *status.Status
	after  time.Duration // zero: unknown
	err    error
}

// Error is that of the status, which is all that others get to see.
func (r *refusal) Error() string { return r.status.Err().Error() }

// GRPCStatus is what package status asks for.
func (r *refusal) GRPCStatus() *status.Status { return r.status }

// Unwrap returns the error of the limit or the context.
func (r *refusal) Unwrap() error { return r.err }

// refuse returns the error of a call that got nothing of its limit.
func (l *Limit) refuse(ctx context.Context, call Call, limit limiter.Limiter, cost int64, key string, err error) *refusal {
	code := codeOf(err, limit, cost)
	why := Refusal{Key: key, Err: err, Code: code, RetryAfter: l.retryAfter(code, err)}
	if l.opts.OnRefused != nil {
		l.opts.OnRefused(ctx, call, why)
	}
	var st *status.Status
	if l.opts.Refuse != nil {
		st = l.opts.Refuse(ctx, call, why)
	}
	if st.Code() == codes.OK {
		st = status.New(code, l.text(why))
	}
	if why.RetryAfter > 0 && !slices.ContainsFunc(st.Details(), isRetryInfo) {
		info := protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(why.RetryAfter)})
		if with, err := st.WithDetails(info); err == nil {
			st = with
		}
	}
	return &refusal{status: st, after: why.RetryAfter, err: err}
}

func isRetryInfo(detail any) bool {
	_, ok := detail.(*errdetails.RetryInfo)
	return ok
}

// quoter is a limiter that can tell its quota.
type quoter interface {
	Quota() (limit, remaining int64, window, reset time.Duration)
}

// codeOf returns the code for an error of Take.
func codeOf(err error, limit limiter.Limiter, cost int64) codes.Code {
	var why *limiter.RefusedError
	if !errors.As(err, &why) {
		return codeOfEnd(err)
	}
	if errors.Is(why, limiter.ErrTooLarge) && cost > 1 {
		return codes.InvalidArgument
	}
	if q, ok := limit.(quoter); ok {
		if _, _, window, _ := q.Quota(); window == 0 {
			return codes.Unavailable
		}
	}
	if errors.Is(why, limiter.ErrLimited) || errors.Is(why, limiter.ErrTooLate) {
		return codes.ResourceExhausted
	}
	return codes.Unavailable
}

// codeOfEnd returns the code for a wait that has ended.
func codeOfEnd(err error) codes.Code {
	var late *ctxutil.TimeoutError
	switch {
	case errors.As(err, &late) && late.Name == waitName:
		return codes.Unavailable // our patience, not the caller's
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	}
	return codes.Unavailable
}

// text is what clients get to read.
func (l *Limit) text(why Refusal) string {
	if why.Code == codes.Canceled || why.Code == codes.DeadlineExceeded {
		return why.Err.Error()
	}
	text := "limited"
	if !l.opts.Hide {
		text = fmt.Sprintf("limit %q: no room", l.opts.Name)
		switch why.Code {
		case codes.ResourceExhausted:
			text = fmt.Sprintf("limit %q: too often", l.opts.Name)
		case codes.InvalidArgument:
			text = fmt.Sprintf("limit %q: more than all of it", l.opts.Name)
		}
	}
	if why.RetryAfter > 0 {
		text += fmt.Sprintf("; retry in %v", why.RetryAfter)
	}
	return text
}

// retryAfter returns after how long to come back, in whole milliseconds; zero if
// that isn't to be told.
func (l *Limit) retryAfter(code codes.Code, err error) time.Duration {
	if code != codes.ResourceExhausted && code != codes.Unavailable {
		return 0
	}
	var why *limiter.RefusedError
	var after time.Duration
	if errors.As(err, &why) {
		after = why.RetryAfter
		if after == math.MaxInt64 || errors.Is(why, limiter.ErrTooLarge) {
			return 0
		}
	}
	if after <= 0 {
		if after = l.opts.RetryAfter; after < 0 {
			return 0
		}
	}
	return spread(after)
}

// most is what, with its fifth, is a Duration.
const most = math.MaxInt64 / 6 * 5 / time.Millisecond * time.Millisecond

// spread rounds up and adds up to a fifth.
func spread(after time.Duration) time.Duration {
	ms := int64(min(after, most) / time.Millisecond)
	if after%time.Millisecond > 0 {
		ms++
	}
	ms += rand.Int64N(ms/5 + 1)
	return time.Duration(ms) * time.Millisecond
}

// RetryDelay returns after how long a call may be made again that failed with err:
// what the status of err says in a google.rpc.RetryInfo, as that of a refusal on
// either side does; false if it says nothing. It may be called concurrently.
func RetryDelay(err error) (after time.Duration, ok bool) {
	st, ok := status.FromError(err)
	if !ok {
		return 0, false
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().IsValid() {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
