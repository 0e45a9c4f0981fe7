package belaygrpc

// This file says whose a call is: by the address it came from, or by metadata.

import (
	"context"
	"net/http"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/belay-go/belay/limiter/httplimit"
)

// ByPeer returns the address from which a call came, as a key: the IPv4 address,
// also where it is written as an IPv6 one, or the network of 64 bits of an IPv6
// address, as each client has such a one to itself. It is the same key as that of
// [httplimit.ByAddr], so that who uses both has one limit. Where the peer has no
// such address, its text is the key; the empty one where there is no peer, as on
// the client's side.
//
// Behind a proxy this is the proxy's.
func ByPeer(ctx context.Context, _ Call) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return ""
	}
	return httplimit.ByAddr(&http.Request{RemoteAddr: p.Addr.String()})
}

// ByMetadata returns a key function that takes the first value of that name in the
// call's metadata: what came in on the server, what goes out on the client; the
// empty key for all calls without it. A client that may send whatever it likes has
// as many keys as it likes: the value has to be verified before.
func ByMetadata(name string) func(ctx context.Context, call Call) string {
	return func(ctx context.Context, call Call) string {
		var values []string
		if call.client {
			md, _ := metadata.FromOutgoingContext(ctx)
			values = md.Get(name)
		} else {
			values = metadata.ValueFromIncomingContext(ctx, name)
		}
		if len(values) == 0 {
			return ""
		}
		return values[0]
	}
}
