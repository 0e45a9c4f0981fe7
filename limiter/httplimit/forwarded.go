package httplimit

// This file reads the elements of Forwarded and X-Forwarded-For. It reads from
// the right and stops at what it doesn't understand, so that nothing a client
// sends can change how the elements are read that proxies add behind it; an
// opening quote without an end, for example, which read from the left would
// swallow them.

import (
	"net/netip"
	"strings"
)

// lastElement cuts the last element off a list. Commas within quotes are the
// element's.
func lastElement(list string) (rest, element string) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch list[i] {
		case '"':
			if !escaped(list, i) {
				quoted = !quoted
			}
		case ',':
			if !quoted {
				return list[:i], trim(list[i+1:])
			}
		}
	}
	return "", trim(list)
}

// escaped reports whether the byte at i comes after a backslash that is none
// itself.
func escaped(s string, i int) bool {
	n := 0
	for n < i && s[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func trim(s string) string { return strings.Trim(s, " \t") }

// hopOfForwarded returns the address in an element of Forwarded: that of its
// parameter for, if there is one and no more.
func hopOfForwarded(element string) (addr netip.Addr, ok bool) {
	found := false
	for rest := element; rest != ""; {
		name, after, is := strings.Cut(rest, "=")
		if !is {
			return netip.Addr{}, false
		}
		var value string
		if value, rest, is = cutValue(after); !is {
			return netip.Addr{}, false
		}
		if !strings.EqualFold(trim(name), "for") {
			continue
		}
		if found {
			return netip.Addr{}, false
		}
		found = true
		addr, ok = parseHop(value)
	}
	return addr, ok
}

// cutValue cuts a value, a token or a quoted string, off the pairs that begin
// with it.
func cutValue(s string) (value, rest string, ok bool) {
	if s = strings.TrimLeft(s, " \t"); !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		return trim(value), rest, !strings.Contains(value, `"`)
	}
	var unquoted strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			if rest != "" && rest[0] != ';' {
				return "", "", false
			}
			return unquoted.String(), strings.TrimPrefix(rest, ";"), true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			unquoted.WriteByte(s[i])
		default:
			unquoted.WriteByte(c)
		}
	}
	return "", "", false
}

// parseHop returns the address of a hop: IPv4 or IPv6, in brackets or not, with a
// port or without.
func parseHop(hop string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(hop); err == nil {
		return plain(addr), true
	}
	var host, port string
	if inner, found := strings.CutPrefix(hop, "["); found {
		if host, port, found = strings.Cut(inner, "]"); !found {
			return netip.Addr{}, false
		}
		if port != "" && port[0] != ':' {
			return netip.Addr{}, false
		}
	} else if host, port, _ = strings.Cut(hop, ":"); strings.Contains(port, ":") {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	return plain(addr), err == nil
}
