package recipes

// Limits in front of the handlers of chi, echo and connect: the middleware of
// limiter/httplimit is a func(http.Handler) http.Handler, which each of them
// takes in its own way.

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay/limiter/httplimit"
)

// LimitedChi limits the routes of a group. The requests that no route knows are
// limited as well if Use is called on the router itself.
func LimitedChi(limit func(http.Handler) http.Handler) http.Handler {
	router := chi.NewRouter()
	router.Group(func(r chi.Router) {
		r.Use(limit)
		r.Get("/hello/{name}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("hello " + chi.URLParam(r, "name")))
		})
	})
	return router
}

// LimitedEcho limits the routes of a group. A handler's error comes back through
// echo, past the limit: its status is the error's, as it would be without.
func LimitedEcho(limit func(http.Handler) http.Handler) http.Handler {
	e := echo.New()
	e.Group("", echo.WrapMiddleware(limit)).GET("/hello/:name", func(c echo.Context) error {
		if c.Param("name") == "nobody" {
			return echo.ErrNotFound
		}
		return c.String(http.StatusOK, "hello "+c.Param("name"))
	})
	return e
}

// LimitedConnect limits a procedure. Its options are to have Refuse:
// RefuseConnect, so that clients of all three protocols get an error of theirs.
func LimitedConnect(limit func(http.Handler) http.Handler) http.Handler {
	const procedure = "/hello.v1.HelloService/Say"
	mux := http.NewServeMux()
	mux.Handle(procedure, limit(connect.NewUnaryHandler(procedure,
		func(_ context.Context, req *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
			return connect.NewResponse(wrapperspb.String("hello " + req.Msg.Value)), nil
		})))
	return mux
}

// RefuseConnect answers with the error of the protocol by which the client has
// asked. Of a 429 alone, which is what a proxy would send, it would make
// Unavailable.
func RefuseConnect(w http.ResponseWriter, r *http.Request, why httplimit.Refusal) {
	code := connect.CodeResourceExhausted
	if why.Status == http.StatusServiceUnavailable {
		code = connect.CodeUnavailable
	}
	errors := connect.NewErrorWriter()
	if !errors.IsSupported(r) {
		return // the status says it
	}
	_ = errors.Write(w, r, connect.NewError(code, why.Err))
}
