package graceful

// GOAWAY for the connections of an http server that speak h2, apart from the
// rest of its Shutdown.

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// splitH2 makes srv serve h2 by the means of a twin that serves nothing itself.
// net/http sends GOAWAY in its Shutdown alone, which also makes the server drop
// http/1.1 requests that it has not read. But h2 connections belong to the
// server that serves them, see lend, so the Shutdown of the twin sends GOAWAY and
// does nothing else. Clients that learn of the end while they
// still have streams close their connection with the last of them; many do not
// do so when they hear of it later.
//
// It returns nil where h2 is off, or is served by somebody else's package.
func splitH2(srv *http.Server, overTLS bool) (twin *http.Server, err error) {
	if srv.TLSNextProto != nil {
		return nil, nil
	}
	twin = &http.Server{Protocols: srv.Protocols, IdleTimeout: srv.IdleTimeout, ReadTimeout: srv.ReadTimeout}
	if srv.TLSConfig != nil {
		twin.TLSConfig = srv.TLSConfig.Clone()
		if overTLS {
			twin.TLSConfig.NextProtos = []string{"h2"} // as ServeTLS has it
		}
	}
	// Serve is what makes a server ready for h2.
	if err := twin.Serve(noListener{}); !errors.Is(err, errNoListener) {
		return nil, err
	}
	if twin.TLSNextProto == nil || !lend(srv, twin) {
		return nil, nil
	}
	srv.RegisterOnShutdown(func() { sendGoAway(twin) })
	return twin, nil
}

// sendGoAway tells all h2 connections that there are. One that is about to
// become one is missed, so it has to be called again.
func sendGoAway(twin *http.Server) {
	if twin == nil {
		return
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = twin.Shutdown(done) // which has no connections to wait for
}

var errNoListener = errors.New("no listener")

type noListener struct{}

func (noListener) Accept() (net.Conn, error) { return nil, errNoListener }
func (noListener) Close() error              { return nil }
func (noListener) Addr() net.Addr            { return &net.TCPAddr{} }
