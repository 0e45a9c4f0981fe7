package recipes_test

// Limits fit chi, echo and connect.

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay/examples/recipes"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

// once is a rate that grants one unit, and then none for three seconds.
type once chan struct{}

func (o once) TryTake(n int64) (limiter.Permit, error) {
	select {
	case o <- struct{}{}:
		return limiter.NewPermit(o, n), nil
	default:
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: 3 * time.Second}
	}
}

func (o once) Take(_ context.Context, n int64) (limiter.Permit, error) { return o.TryTake(n) }
func (o once) Release(int64)                                           {}

func (o once) Quota() (limit, remaining int64, window, reset time.Duration) {
	return 1, int64(1 - len(o)), 3 * time.Second, time.Duration(len(o)) * 3 * time.Second
}

func limitToOne(opts httplimit.Options) func(http.Handler) http.Handler {
	one := make(once, 1)
	return httplimit.PerKey(httplimit.ByAddr, func(string) limiter.Limiter { return one }, opts)
}

func TestLimitsFitChiAndEcho(t *testing.T) {
	for name, router := range map[string]func(func(http.Handler) http.Handler) http.Handler{
		"chi": recipes.LimitedChi, "echo": recipes.LimitedEcho,
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(router(limitToOne(httplimit.Options{})))
			t.Cleanup(s.Close)
			get := func() (*http.Response, string) {
				res, err := s.Client().Get(s.URL + "/hello/you")
				require.NoError(t, err)
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.Equal(t, `"default";q=1;w=3`, res.Header.Get("RateLimit-Policy"))
				return res, string(body)
			}
			res, body := get()
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, "hello you", body)
			res, body = get()
			require.Equal(t, 429, res.StatusCode)
			require.Equal(t, "3", res.Header.Get("Retry-After"))
			require.Equal(t, "Too Many Requests: retry after 3 s\n", body)
		})
	}
	w := httptest.NewRecorder()
	recipes.LimitedEcho(limitToOne(httplimit.Options{})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hello/nobody", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
}

func TestLimitsFitConnectByEachOfItsProtocols(t *testing.T) {
	for name, opts := range map[string][]connect.ClientOption{
		"connect":  nil,
		"gRPC":     {connect.WithGRPC()},
		"gRPC-Web": {connect.WithGRPCWeb()},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(recipes.LimitedConnect(limitToOne(httplimit.Options{Refuse: recipes.RefuseConnect})))
			s.EnableHTTP2 = true
			s.StartTLS()
			t.Cleanup(s.Close)
			client := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](s.Client(), s.URL+"/hello.v1.HelloService/Say", opts...)
			res, err := client.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("you")))
			require.NoError(t, err)
			require.Equal(t, "hello you", res.Msg.Value)
			_, err = client.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("you")))
			require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
			require.ErrorContains(t, err, "limiter: too often, retry in 3s")
			var refused *connect.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "3", refused.Meta().Get("Retry-After"))
			require.Equal(t, `"default";r=0;t=3`, refused.Meta().Get("RateLimit"))
		})
	}
}
