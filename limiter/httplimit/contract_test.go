package httplimit_test

// This file holds the package against the rules that all packages share. What
// blocks here is a request, and its context is that of the request; the two
// calls below stand for it.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

func TestContract(t *testing.T) {
	var nobody limiter.Limiter
	limits := func(string) limiter.Limiter { return nil }
	contract.Run(t, contract.Table{
		Exempt: map[string]string{"PermitOf": "reads a value out of the context and never waits"},
		Misuses: []contract.Misuse{
			{Name: "no key", Text: "httplimit: PerKey with a nil function", Do: func() { httplimit.PerKey(nil, limits, none) }},
			{Name: "no limiters", Text: "httplimit: PerKey with a nil function", Do: func() { httplimit.PerKey(httplimit.ByAddr, nil, none) }},
			{Name: "no limiter", Text: "httplimit: Shared with a nil limiter", Do: func() { httplimit.Shared(nobody, none) }},
			{Name: "no handler", Text: "httplimit: middleware around a nil handler", Do: func() { httplimit.Shared(&ledger{}, none)(nil) }},
		},
	})
}

// The rule of a done context, for a request: see also
// TestARequestWhoseClientHasGoneTakesNothingThoughThereIsRoom.
func TestTheErrorOfAWaitingRequestSaysBothErrAndCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &places{size: 1}
		_, err := full.TryTake(1)
		require.NoError(t, err)
		h := httplimit.Shared(full, httplimit.Options{Wait: time.Hour, OnRefused: func(r *http.Request, why httplimit.Refusal) {
			require.ErrorIs(t, why.Err, r.Context().Err())
			require.ErrorIs(t, why.Err, context.Cause(r.Context()))
		}})(ok)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, http.ErrServerClosed)
		defer cancel()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		require.Equal(t, 503, w.Code)
		require.Error(t, ctx.Err())
	})
}

func TestOneMiddlewareWorksInABubbleOutsideAndInTheNextBubble(t *testing.T) {
	room := &places{size: 1}
	h := httplimit.Shared(room, httplimit.Options{Wait: time.Millisecond})(ok)
	use := func() {
		require.Equal(t, 200, ask(h, "/").Code)
		held, err := room.TryTake(1)
		require.NoError(t, err)
		require.Equal(t, 503, ask(h, "/").Code)
		held.Release()
	}
	bubble := func() { synctest.Test(t, func(*testing.T) { use() }) }
	bubble()
	use()
	bubble()
}
