package httplimit_test

// This file tests what a limit is told of the work that it let in.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

// outcomes is a limit that keeps what it is told.
type outcomes struct{ told []string }

func (o *outcomes) Take(context.Context, int64) (limiter.Permit, error) { return o.TryTake(1) }
func (o *outcomes) TryTake(n int64) (limiter.Permit, error)             { return limiter.NewPermit(o, n), nil }
func (o *outcomes) Release(int64)                                       { o.told = append(o.told, "served") }
func (o *outcomes) Drop(int64)                                          { o.told = append(o.told, "dropped") }
func (o *outcomes) Ignore(int64)                                        { o.told = append(o.told, "ignored") }

func TestALimitIsToldWhatBecameOfARequest(t *testing.T) {
	for name, test := range map[string]struct {
		told   string
		handle func(ctx context.Context, leave context.CancelFunc)
	}{
		"it is answered":               {"served", func(context.Context, context.CancelFunc) {}},
		"its client goes away":         {"ignored", func(_ context.Context, leave context.CancelFunc) { leave() }},
		"it runs into its deadline":    {"dropped", func(ctx context.Context, _ context.CancelFunc) { <-ctx.Done() }},
		"its handler knows more":       {"dropped", func(ctx context.Context, _ context.CancelFunc) { httplimit.PermitOf(ctx, "").Drop() }},
		"the server panics":            {"served", func(context.Context, context.CancelFunc) { panic(http.ErrAbortHandler) }},
		"it is gone, and said so":      {"dropped", func(ctx context.Context, leave context.CancelFunc) { httplimit.PermitOf(ctx, "").Drop(); leave() }},
		"it is both gone and too late": {"ignored", func(ctx context.Context, leave context.CancelFunc) { leave(); <-ctx.Done() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithTimeout(t.Context(), time.Second)
				defer leave()
				var l outcomes
				h := httplimit.Shared(&l, httplimit.Options{Settle: true})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					test.handle(r.Context(), leave)
				}))
				func() {
					defer func() { _ = recover() }()
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
				}()
				require.Equal(t, []string{test.told}, l.told)
			})
		})
	}
}
