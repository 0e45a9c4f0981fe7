package httptimeout_test

// This file holds the package against the rules that all packages share. No
// call of it takes a context; the one that a handler gets is derived.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/timeout/httptimeout"
)

func TestContract(t *testing.T) {
	contract.Run(t, contract.Table{
		Derives: []contract.Derive{{Name: "Handler.ServeHTTP", New: inside}},
		Misuses: []contract.Misuse{
			{Name: "New of nil", Text: "httptimeout: New of a nil handler", Do: func() { httptimeout.New(nil, time.Second, httptimeout.Options{}) }},
			{Name: "a zero Handler", Text: "httptimeout: Handler not made by New", Do: func() { new(httptimeout.Handler).ServeHTTP(httptest.NewRecorder(), get()) }},
		},
	})
}

// inside returns the context of a handler that runs until it is ended.
func inside(parent context.Context) (context.Context, func()) {
	got, release, ended := make(chan context.Context), make(chan struct{}), make(chan struct{})
	h := httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Context()
		<-release
	}), time.Hour, httptimeout.Options{})
	go func() { // ends with the handler
		defer close(ended)
		h.ServeHTTP(httptest.NewRecorder(), get().WithContext(parent))
	}()
	return <-got, func() { close(release); <-ended }
}

func TestOneHandlerWorksInABubbleOutsideAndInTheNextBubble(t *testing.T) {
	h := httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), time.Millisecond, quiet)
	use := func() {
		w := newServed()
		h.ServeHTTP(w, get())
		w.refused(t)
	}
	inBubble(t, use)
	use()
	inBubble(t, use)
	require.Zero(t, h.Overstaying())
}

func inBubble(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }
