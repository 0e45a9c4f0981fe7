package misses

// A test's server ends with the test.

import (
	"context"
	"net/http"
)

func serves(ctx context.Context, srv *http.Server) error {
	go func() {
		<-ctx.Done()
		srv.Shutdown(context.Background())
	}()
	return srv.ListenAndServe()
}
