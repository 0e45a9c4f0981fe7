package ctxutil_test

// This file holds the tests of Why: one line, with everything and nothing twice.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

// quietError wraps without saying what.
type quietError struct {
	text string
	errs []error
}

func (e quietError) Error() string   { return e.text }
func (e quietError) Unwrap() []error { return e.errs }

// quietOne wraps one, without saying which.
type quietOne struct {
	text string
	err  error
}

func (e quietOne) Error() string { return e.text }
func (e quietOne) Unwrap() error { return e.err }

func TestWhySaysEverythingOnceAndInOneLine(t *testing.T) {
	disk := errors.New("disk full")
	for want, cause := range map[string]error{
		"context canceled":                                  nil,
		"context canceled: disk full":                       disk,
		"context canceled: write log: disk full":            fmt.Errorf("write log: %w", disk),
		"context canceled: write log: disk full ":           quietOne{"write log", errors.New("disk full ")},
		"context canceled: stopped: disk full: no route":    quietError{"stopped", []error{disk, nil, errors.New("no route"), disk}},
		"context canceled: stopped: inner: disk full: last": quietError{"stopped", []error{quietOne{"inner", disk}, errors.New("last")}},
		"context canceled: disk full; no route":             errors.Join(disk, errors.New("no route")),
		"context canceled: a; b; c":                         errors.New("\na\r\nb\n\n\rc\r\n"),
		"context canceled: stop":                            fmt.Errorf("stop%w", errors.New("")),
		"context canceled: stop: disk full":                 quietOne{"stop", quietOne{"", disk}},
		"context canceled: ctxutil: dns: timed out after 1s, limit 1s: context deadline exceeded": &ctxutil.TimeoutError{Name: "dns", Limit: time.Second, Elapsed: time.Second},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		require.Empty(t, ctxutil.Why(ctx), "not done yet")
		cancel(cause)
		require.Equal(t, want, ctxutil.Why(ctx))
	}
}

func TestWhyNamesTheLayerThatEndedTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request, stop := ctxutil.ShrinkNamed(t.Context(), "request", time.Second)
		defer stop()
		ctx, cancel := ctxutil.ShrinkNamed(request, "dns", time.Minute)
		defer cancel()
		rest, release := ctxutil.Detach(ctx, time.Second)
		defer release()
		<-ctx.Done()
		require.Equal(t, "context deadline exceeded: ctxutil: request: timed out after 1s, limit 1s", ctxutil.Why(ctx))
		require.Empty(t, ctxutil.Why(rest))
		<-rest.Done()
		require.Equal(t, "context deadline exceeded: ctxutil: grace: timed out after 1s, limit 1s, after: "+
			"context deadline exceeded: ctxutil: request: timed out after 1s, limit 1s", ctxutil.Why(rest))
	})
}

func TestWhyOfAContextThatNeverEndsIsEmpty(t *testing.T) {
	require.Empty(t, ctxutil.Why(context.Background()))
}

func TestWhyOfANilContextPanics(t *testing.T) {
	var none context.Context
	require.PanicsWithValue(t, "ctxutil: Why of a nil context", func() { ctxutil.Why(none) })
}
