package httplimit_test

// This file tests whose a request is, and that nobody can choose that for
// himself.

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/httplimit"
)

// from is a request from an address, with lines of a header.
func from(remote, header string, lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	for _, line := range lines {
		r.Header.Add(header, line)
	}
	return r
}

// Pitfall 17: a client with an IPv6 address has 2^64 of them.
func TestAnIPv6ClientIsItsNetworkAndAMappedAddressIsIPv4(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234":                  "192.0.2.1",
		"192.0.2.1":                       "192.0.2.1", // changed by middleware
		"[2001:db8:1:2:3:4:5:6]:1":        "2001:db8:1:2::/64",
		"[2001:db8:1:2::]:65535":          "2001:db8:1:2::/64",
		"[2001:0DB8:0001:0002::1]:1":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":            "2001:db8:1:2::/64",
		"[2001:db8:1:3::1]:1":             "2001:db8:1:3::/64",
		"[::ffff:192.0.2.1]:1234":         "192.0.2.1",
		"::ffff:192.0.2.1":                "192.0.2.1",
		"[::ffff:c000:201]:1234":          "192.0.2.1",
		"[fe80::1%eth0]:80":               "fe80::/64",
		"[fe80::2%25eth1]:80":             "fe80::/64",
		"[::ffff:192.0.2.1%eth0]:80":      "192.0.2.1",
		"[::1]:80":                        "::/64",
		"@":                               "@", // a Unix socket
		"":                                "",
		"pipe":                            "pipe",
		"example.com:80":                  "example.com:80",
		"192.0.2.1:99999":                 "192.0.2.1:99999",
		"[2001:db8:1:2:3:4:5:6]:nonsense": "[2001:db8:1:2:3:4:5:6]:nonsense",
	} {
		require.Equal(t, want, httplimit.ByAddr(from(remote, "")), remote)
		require.Equal(t, want, httplimit.ByForwarded()(from(remote, "Forwarded", "for=203.0.113.7")), remote)
		require.Equal(t, want, httplimit.ByXForwardedFor()(from(remote, "X-Forwarded-For", "203.0.113.7")), remote)
	}
}

func TestAHeaderIsTheKeyByItsFirstValue(t *testing.T) {
	key := httplimit.ByHeader("x-aPI-key")
	require.Equal(t, "a", key(from("", "X-Api-Key", "a", "b")))
	require.Equal(t, "", key(from("", "X-Api-Key")))
	require.Equal(t, "", key(from("", "X-Other", "a")))
}

func networks(cidrs ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range cidrs {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

const proxy = "10.0.0.1:443"

// Pitfall 17: X-Forwarded-For counts only from trusted hops, and from the right.
func TestTheAddressBehindTrustedHopsIsTheFirstUntrustedFromTheRight(t *testing.T) {
	key := httplimit.ByXForwardedFor(networks("10.0.0.0/8", "2001:db8:ff::/48", "::ffff:172.16.0.0/108")...)
	for _, c := range []struct {
		remote string
		lines  []string
		want   string
	}{
		{"203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"}, // from elsewhere
		{proxy, nil, "10.0.0.1"},
		{proxy, []string{""}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"}, // the left is spoofed
		{proxy, []string{"1.1.1.1, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{proxy, []string{"10.1.1.1, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{proxy, []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"}, // trusted all the way
		{proxy, []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1", "10.2.2.2,10.3.3.3"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1", "", " , ,"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1,,10.2.2.2,"}, "198.51.100.1"},
		{proxy, []string{"garbage"}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1, garbage"}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1, unknown, 10.2.2.2"}, "10.2.2.2"},
		{proxy, []string{"garbage, 198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"\"garbage, 198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{proxy, []string{"[2001:db8:1:2::9]:4711"}, "2001:db8:1:2::/64"},
		{proxy, []string{"[2001:db8:1:2::9]"}, "2001:db8:1:2::/64"},
		{proxy, []string{"2001:db8:1:2::9"}, "2001:db8:1:2::/64"},
		{proxy, []string{"fe80::1%eth0"}, "fe80::/64"},
		{proxy, []string{"[fe80::1%eth0]:1"}, "fe80::/64"},
		{proxy, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1, ::ffff:10.4.4.4"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1, ::ffff:172.16.4.4"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1, 172.31.4.4"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1, 172.32.4.4"}, "172.32.4.4"},
		{"[::ffff:10.0.0.1]:443", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[2001:db8:ff::1]:443", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[2001:db8:ff::1%eth0]:443", []string{"198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"\t198.51.100.1 "}, "198.51.100.1"},
		{proxy, []string{"010.0.0.1"}, "10.0.0.1"}, // octal? nobody knows
		{proxy, []string{"198.51.100.1, 10.2"}, "10.0.0.1"},
		{proxy, []string{"[2001:db8::1"}, "10.0.0.1"},
		{proxy, []string{"[2001:db8::1]x"}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1:1:1"}, "10.0.0.1"},
		{"@", []string{"198.51.100.1"}, "@"},
	} {
		require.Equal(t, c.want, key(from(c.remote, "X-Forwarded-For", c.lines...)), "%s %q", c.remote, c.lines)
	}
	require.Equal(t, "10.0.0.1", key(from(proxy, "Forwarded", "for=198.51.100.1")), "another header")
}

func TestForwardedIsReadAsItsGrammarHasIt(t *testing.T) {
	key := httplimit.ByForwarded(networks("10.0.0.0/8")...)
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{`for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`FOR=198.51.100.1;proto=https;by=10.0.0.1`}, "198.51.100.1"},
		{[]string{`proto=https; For="198.51.100.1:47011"; host="a,b;c"`}, "198.51.100.1"},
		{[]string{`by="for=1.1.1.1";for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`host="\";for=1.1.1.1,\"";for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`for="[2001:db8:1:2::9]:4711"`}, "2001:db8:1:2::/64"},
		{[]string{`for="[2001:db8:1:2::9]"`}, "2001:db8:1:2::/64"},
		{[]string{`for="\1\9\8.51.100.1"`}, "198.51.100.1"},
		{[]string{`for="[::ffff:198.51.100.1]"`}, "198.51.100.1"},
		{[]string{`for="_secret", for=198.51.100.1, for=10.1.1.1`}, "198.51.100.1"},
		{[]string{`for=198.51.100.1, for=_secret, for=10.1.1.1`}, "10.1.1.1"},
		{[]string{`for=198.51.100.1, for=unknown`}, "10.0.0.1"},
		{[]string{`for=198.51.100.1, proto=https`}, "10.0.0.1"}, // says nothing about a hop
		{[]string{`for=1.1.1.1`, `for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`for="1.1.1.1`, `for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`for="1.1.1.1, for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`for=1.1.1.1\, for=198.51.100.1`}, "198.51.100.1"},
		{[]string{`for=1.1.1.1\\\", for="198.51.100.1"`}, "198.51.100.1"},
		{[]string{`for=198.51.100.1;for=1.1.1.1`}, "10.0.0.1"}, // which?
		{[]string{`for=198.51.100.1;`}, "198.51.100.1"},
		{[]string{`for="198.51.100.1"x`}, "10.0.0.1"},
		{[]string{`for="198.51.100.1`}, "10.0.0.1"},
		{[]string{`for="198.51.100.1\`}, "10.0.0.1"},
		{[]string{`for=198.51.100.1"`}, "10.0.0.1"},
		{[]string{`proto=a"b;for=198.51.100.1`}, "10.0.0.1"},
		{[]string{`for=198.51.100.1;host="a\\"`}, "198.51.100.1"},
		{[]string{`for=198.51.100.1, for=10.1.1.1;host="a,\"b\\"`}, "198.51.100.1"},
		{[]string{`for=`}, "10.0.0.1"},
		{[]string{`for`}, "10.0.0.1"},
		{[]string{`=198.51.100.1`}, "10.0.0.1"},
		{[]string{`198.51.100.1`}, "10.0.0.1"},
		{[]string{`;`}, "10.0.0.1"},
	} {
		require.Equal(t, c.want, key(from(proxy, "Forwarded", c.lines...)), "%q", c.lines)
	}
	require.Equal(t, "10.0.0.1", key(from(proxy, "X-Forwarded-For", "198.51.100.1")), "another header")
}

func TestATrustedNetworkMustBeOne(t *testing.T) {
	for _, f := range []func(...netip.Prefix) func(*http.Request) string{httplimit.ByForwarded, httplimit.ByXForwardedFor} {
		require.PanicsWithValue(t, "httplimit: a trusted network that is not valid", func() { f(netip.Prefix{}) })
	}
	trusted := networks("10.0.0.0/8")
	key := httplimit.ByXForwardedFor(trusted...)
	trusted[0] = netip.MustParsePrefix("0.0.0.0/0")
	require.Equal(t, "198.51.100.1", key(from(proxy, "X-Forwarded-For", "1.1.1.1, 198.51.100.1")), "the caller's slice is the caller's")
}

// Whatever a client sends, what the trusted proxy adds behind it is found, in
// the same line or in one of its own; and where no proxy stands the client is
// who it is.
func FuzzNothingAClientSendsChangesWhoItIs(f *testing.F) {
	for _, s := range []string{"", "1.1.1.1", `for="`, `for="\`, `for=1.1.1.1\`, `"`, `\"`, `for="a,b`, ",", "for=10.0.0.1", "10.0.0.1", "[", "for=\"[::1]:1\",\"", "\x00", "é"} {
		f.Add(s)
	}
	forwarded, xff := httplimit.ByForwarded(networks("10.0.0.0/8")...), httplimit.ByXForwardedFor(networks("10.0.0.0/8")...)
	f.Fuzz(func(t *testing.T, sent string) {
		for _, added := range []string{`for=198.51.100.7`, `for="198.51.100.7:1";proto=https`, `for="198.51.100.7";by="_\"x\\"`, `by=10.0.0.1;for=198.51.100.7, for=10.3.3.3`} {
			require.Equal(t, "198.51.100.7", forwarded(from(proxy, "Forwarded", sent+", "+added)), added)
			require.Equal(t, "198.51.100.7", forwarded(from(proxy, "Forwarded", sent, added)), added)
		}
		for _, added := range []string{"198.51.100.7", "198.51.100.7:80,10.3.3.3", "198.51.100.7, 10.3.3.3"} {
			require.Equal(t, "198.51.100.7", xff(from(proxy, "X-Forwarded-For", sent+", "+added)), added)
			require.Equal(t, "198.51.100.7", xff(from(proxy, "X-Forwarded-For", sent, added)), added)
		}
		for header, key := range map[string]func(*http.Request) string{"Forwarded": forwarded, "X-Forwarded-For": xff} {
			require.Equal(t, "198.51.100.7", key(from("198.51.100.7:1", header, sent)))
			// As the key itself, it can at most be an address.
			got := key(from(proxy, header, sent))
			_, errAddr := netip.ParseAddr(got)
			_, errNet := netip.ParsePrefix(got)
			require.True(t, errAddr == nil || errNet == nil && strings.HasSuffix(got, "/64"), got)
		}
	})
}
