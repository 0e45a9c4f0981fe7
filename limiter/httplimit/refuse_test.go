package httplimit_test

// This file tests the two functions that a refusal is handed to.

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

func TestTheAnswerOfAHookCannotLoseTheHeaders(t *testing.T) {
	limit := quota{refusal(limiter.ErrLimited, 3*time.Second), 10, 0, 10 * time.Second, 10 * time.Second}
	for name, c := range map[string]struct {
		refuse func(w http.ResponseWriter, r *http.Request, why httplimit.Refusal)
		code   int
		body   string
	}{
		"nothing": {func(http.ResponseWriter, *http.Request, httplimit.Refusal) {}, 429, ""},
		"a body":  {func(w http.ResponseWriter, _ *http.Request, _ httplimit.Refusal) { _, _ = io.WriteString(w, "no") }, 429, "no"},
		"another status": {func(w http.ResponseWriter, _ *http.Request, _ httplimit.Refusal) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(200)
			_, _ = io.WriteString(w, "grpc")
		}, 200, "grpc"},
		"a hint and a body": {func(w http.ResponseWriter, _ *http.Request, _ httplimit.Refusal) {
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "no")
		}, 429, "no"},
		"no headers": {func(w http.ResponseWriter, _ *http.Request, why httplimit.Refusal) {
			clear(w.Header())
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(why.Status)
			_, _ = fmt.Fprintf(w, "%v", why.RetryAfter)
		}, 429, "3s"},
		"other headers": {func(w http.ResponseWriter, _ *http.Request, _ httplimit.Refusal) {
			w.Header().Set("Retry-After", "0")
			w.Header()["Ratelimit"][0] = "?"
			w.Header().Add("RateLimit-Policy", "?")
		}, 429, ""},
		"past the wrapper": {func(w http.ResponseWriter, _ *http.Request, _ httplimit.Refusal) {
			if u, is := w.(interface{ Unwrap() http.ResponseWriter }); is {
				u.Unwrap().Header().Del("Retry-After")
				u.Unwrap().WriteHeader(200)
			}
		}, 429, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, 1, httplimit.Shared(limit, httplimit.Options{Refuse: c.refuse})(ok))
			res, err := s.Client().Get(s.URL)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, c.code, res.StatusCode)
			require.Equal(t, c.body, string(body))
			require.Equal(t, []string{"3"}, res.Header.Values("Retry-After"))
			require.Equal(t, []string{`"default";r=0;t=1`}, res.Header.Values("RateLimit"))
			require.Equal(t, []string{`"default";q=10;w=10`}, res.Header.Values("RateLimit-Policy"))
		})
	}
}

func TestOnRefusedHearsOfEachRefusalAndOfNothingElse(t *testing.T) {
	var seen []httplimit.Refusal
	room := &places{size: 1}
	h := httplimit.PerKey(httplimit.ByHeader("X-Key"), limitOf(map[string]limiter.Limiter{"": room, "x": refusal(limiter.ErrLimited, 2*time.Second)}),
		httplimit.Options{OnRefused: func(r *http.Request, why httplimit.Refusal) {
			require.Equal(t, "/path", r.URL.Path)
			seen = append(seen, why)
		}})(ok)
	require.Equal(t, 200, ask(h, "/path").Code)
	r := httptest.NewRequest(http.MethodGet, "/path", nil)
	r.Header.Set("X-Key", "x")
	h.ServeHTTP(httptest.NewRecorder(), r)
	require.Len(t, seen, 1)
	require.ErrorIs(t, seen[0].Err, limiter.ErrLimited)
	seen[0].Err = nil
	require.Equal(t, httplimit.Refusal{Key: "x", Status: 429, RetryAfter: 2 * time.Second}, seen[0])
}
