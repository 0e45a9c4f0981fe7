package httplimit

// This file says whose a request is: by the address it came from, by those that
// proxies tell, or by a header.

import (
	"net/http"
	"net/netip"
	"strings"
)

// ByAddr returns the address from which a request came, as a key: the IPv4
// address, also where it is written as an IPv6 one, or the network of 64 bits of
// an IPv6 address, as each client has such a one to itself. Where RemoteAddr is
// not an address, it is the key.
//
// Behind a proxy this is the proxy's; see [ByForwarded].
func ByAddr(r *http.Request) string {
	addr, ok := peer(r)
	if !ok {
		return r.RemoteAddr
	}
	if host, _, _ := strings.Cut(r.RemoteAddr, ":"); strings.Contains(host, ".") {
		return host // without an allocation; it was IPv4 as it should be written
	}
	return keyOf(addr)
}

// peer returns the address of the other end of the connection.
func peer(r *http.Request) (netip.Addr, bool) {
	if both, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return plain(both.Addr()), true
	}
	addr, err := netip.ParseAddr(r.RemoteAddr) // middleware has changed it
	return plain(addr), err == nil
}

// plain is the address itself: neither as IPv6 what is IPv4, nor with the name of
// an interface.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// keyOf returns the key of a plain address.
func keyOf(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		panic("httplimit: BUG: " + err.Error())
	}
	var some [48]byte
	return string(network.AppendTo(some[:0]))
}

// ByHeader returns a key function that takes the first value of a header; the
// empty key for all requests without it. A client that may send whatever it likes
// has as many keys as it likes: the header has to be verified before.
func ByHeader(name string) func(r *http.Request) string {
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request) string {
		if values := r.Header[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
}

// ByForwarded returns a key function for the address behind trusted proxies that
// add to the header Forwarded (RFC 7239), in the form of [ByAddr].
//
// The way goes from the right, where the last proxy has added its peer, to the
// left, and ends at the first address that isn't trusted: all that is left of it
// can be anybody's invention. So it does where the next element names no
// address; the key is that of the last one known then, a proxy's. Without a
// trusted network, and for requests that come from elsewhere, no header is
// read.
//
// Name only proxies that add to this header: one that leaves it alone hands on
// what the client made up. The function panics with "httplimit: a trusted network
// that is not valid" if one is.
func ByForwarded(trusted ...netip.Prefix) func(r *http.Request) string {
	return byHops("Forwarded", hopOfForwarded, trusted)
}

// ByXForwardedFor is [ByForwarded] for proxies that add to the header
// X-Forwarded-For.
func ByXForwardedFor(trusted ...netip.Prefix) func(r *http.Request) string {
	return byHops("X-Forwarded-For", parseHop, trusted)
}

// byHops returns a key function for a header of which each element names a hop.
func byHops(header string, hop func(element string) (netip.Addr, bool), trusted []netip.Prefix) func(r *http.Request) string {
	networks := make([]netip.Prefix, len(trusted))
	for i, p := range trusted {
		if !p.IsValid() {
			panic("httplimit: a trusted network that is not valid")
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		networks[i] = p
	}
	trusts := func(addr netip.Addr) bool {
		for _, p := range networks {
			if p.Contains(addr) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		addr, ok := peer(r)
		if !ok || !trusts(addr) {
			return ByAddr(r)
		}
		lines := r.Header[header]
		for i := len(lines) - 1; i >= 0; i-- {
			for rest := lines[i]; rest != ""; {
				var element string
				rest, element = lastElement(rest)
				if element == "" {
					continue // a list may have such
				}
				next, ok := hop(element)
				if !ok {
					return keyOf(addr)
				}
				if addr = next; !trusts(addr) {
					return keyOf(addr)
				}
			}
		}
		return keyOf(addr)
	}
}
