package httplimit_test

// This file tests the RateLimit fields, and reads them with a parser of its own,
// written after the grammar of structured fields and as strict as that.

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

func TestTheFieldsSayWhatTheQuotaIsAndHowLongTheRestLasts(t *testing.T) {
	const s = time.Second
	forever := time.Duration(math.MaxInt64)
	for name, c := range map[string]struct {
		q             quota
		policy, limit string
	}{
		"full":                       {quota{limit: 100, remaining: 100, window: 60 * s}, ";q=100;w=60", ";r=100;t=60"},
		"half":                       {quota{limit: 100, remaining: 50, window: 60 * s, reset: 30 * s}, ";q=100;w=60", ";r=50;t=30"},
		"rounded up":                 {quota{limit: 7, remaining: 3, window: 10 * s, reset: 5 * s}, ";q=7;w=10", ";r=3;t=5"},
		"a window of a fraction":     {quota{limit: 3, remaining: 3, window: 2500 * time.Millisecond}, ";q=3;w=3", ";r=3;t=3"},
		"one left":                   {quota{limit: 10, remaining: 1, window: 10 * s, reset: 9 * s}, ";q=10;w=10", ";r=1;t=1"},
		"none left":                  {quota{limit: 10, remaining: 0, window: 100 * s, reset: 95 * s}, ";q=10;w=100", ";r=0;t=5"},
		"none, quite":                {quota{limit: 10, remaining: 0, window: 100 * s, reset: 100 * s}, ";q=10;w=100", ";r=0;t=10"},
		"in debt":                    {quota{limit: 10, remaining: 0, window: 100 * s, reset: 150 * s}, ";q=10;w=100", ";r=0;t=60"},
		"none, but at once":          {quota{limit: 10, remaining: 0, window: 100 * s, reset: s}, ";q=10;w=100", ";r=0;t=1"},
		"less than a second":         {quota{limit: 1000, remaining: 5, window: s}, ";q=1000;w=1", ";r=5;t=1"},
		"a window below a second":    {quota{limit: 20, remaining: 3, window: s - 1, reset: s / 2}, ";q=20", ";r=3"},
		"in flight":                  {quota{limit: 8, remaining: 3}, `;q=8;qu="concurrent-requests"`, ";r=3"},
		"in flight, full":            {quota{limit: 8}, `;q=8;qu="concurrent-requests"`, ";r=0"},
		"nothing at all":             {quota{window: 10 * s}, ";q=0;w=10", ";r=0"},
		"more than there may be":     {quota{limit: 5, remaining: 9, window: 10 * s}, ";q=5;w=10", ";r=5;t=10"},
		"less than nothing":          {quota{limit: -5, remaining: -9, window: 10 * s, reset: -s}, ";q=0;w=10", ";r=0"},
		"below zero":                 {quota{limit: 5, remaining: -9, window: 10 * s, reset: 10 * s}, ";q=5;w=10", ";r=0;t=2"},
		"for ever":                   {quota{limit: 5, window: forever, reset: forever}, ";q=5;w=9223372037", ";r=0;t=1844674408"},
		"the largest":                {quota{limit: math.MaxInt64, remaining: math.MaxInt64, window: forever}, ";q=999999999999999;w=9223372037", ";r=999999999999999;t=9223372037"},
		"the largest, with one left": {quota{limit: math.MaxInt64, remaining: 1, window: forever}, ";q=999999999999999;w=9223372037", ";r=1;t=1"},
	} {
		t.Run(name, func(t *testing.T) {
			c.q.Limiter = &ledger{}
			w := ask(httplimit.Shared(c.q, none)(ok), "/")
			require.Equal(t, 200, w.Code)
			require.Equal(t, []string{`"default"` + c.policy}, w.Header().Values("RateLimit-Policy"))
			require.Equal(t, []string{`"default"` + c.limit}, w.Header().Values("RateLimit"))
		})
	}
}

func TestARefusalDoesNotSayThatMoreTimeIsNeededThanRetryAfter(t *testing.T) {
	for after, want := range map[time.Duration]string{time.Second: "1", 4 * time.Second: "4", time.Minute: "10", math.MaxInt64: "10"} {
		q := quota{refusal(limiter.ErrLimited, after), 10, 0, 100 * time.Second, 100 * time.Second}
		w := ask(httplimit.Shared(q, none)(ok), "/")
		require.Equal(t, `"default";r=0;t=`+want, w.Header().Get("RateLimit"), after)
	}
}

func TestALimiterWithoutAQuotaAndOneToHideGetNoFields(t *testing.T) {
	for _, h := range []http.Handler{
		httplimit.Shared(&places{size: 1}, none)(ok),
		httplimit.Shared(refusal(limiter.ErrFull, 0), none)(ok),
		httplimit.Shared(&sized{places{size: 1}}, httplimit.Options{Hide: true})(ok),
		httplimit.Shared(quota{refusal(limiter.ErrLimited, 1), 1, 0, 1, 1}, httplimit.Options{Hide: true})(ok),
	} {
		w := ask(h, "/")
		require.NotContains(t, w.Header(), "Ratelimit")
		require.NotContains(t, w.Header(), "Ratelimit-Policy")
	}
}

// One policy for each limiter that the keys lead to.
func TestThePolicyIsThatOfTheRequestsOwnLimiter(t *testing.T) {
	h := httplimit.PerKey(httplimit.ByHeader("X-Plan"), limitOf(map[string]limiter.Limiter{
		"free": quota{&ledger{}, 10, 10, time.Minute, 0},
		"paid": quota{&ledger{}, 10, 10, time.Second, 0},
		"own":  quota{&ledger{}, 20, 10, time.Second, 0},
	}), httplimit.Options{Name: "plan"})(ok)
	for range 2 {
		for plan, want := range map[string]string{"free": `"plan";q=10;w=60`, "paid": `"plan";q=10;w=1`, "own": `"plan";q=20;w=1`} {
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
			r.Header.Set("X-Plan", plan)
			h.ServeHTTP(w, r)
			require.Equal(t, want, w.Header().Get("RateLimit-Policy"))
		}
	}
}

func TestStackedLimitsShareOneListAlsoWhenTheInnerRefuses(t *testing.T) {
	outer := quota{&ledger{}, 100, 42, time.Minute, 0}
	for inner, refused := range map[limiter.Limiter]bool{
		&sized{places{size: 8}}:                        false,
		quota{refusal(limiter.ErrFull, 0), 8, 0, 0, 0}: true,
	} {
		h := httplimit.Shared(outer, httplimit.Options{Name: "client"})(httplimit.Shared(inner, httplimit.Options{Name: "service"})(ok))
		w := httptest.NewRecorder()
		w.Header().Add("RateLimit", `"gateway";r=1`) // by others, in two lines
		w.Header().Add("RateLimit", `"edge";r=2`)
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		require.Equal(t, refused, w.Code == 503)
		left := "7"
		if refused {
			left = "0"
		}
		require.Equal(t, []string{`"client";q=100;w=60, "service";q=8;qu="concurrent-requests"`}, w.Header().Values("RateLimit-Policy"))
		require.Equal(t, []string{`"gateway";r=1, "edge";r=2, "client";r=42;t=26, "service";r=` + left}, w.Header().Values("RateLimit"))
	}
}

func TestNamesAreQuotedAndMustBeASCII(t *testing.T) {
	for name, want := range map[string]string{`a"b\c`: `"a\"b\\c"`, " ~": `" ~"`, "per;min,ute": `"per;min,ute"`} {
		w := ask(httplimit.Shared(quota{&ledger{}, 1, 1, time.Second, 0}, httplimit.Options{Name: name, Unit: name})(ok), "/")
		require.Equal(t, want+";r=1;t=1", w.Header().Get("RateLimit"))
		require.Equal(t, want+";q=1;qu="+want+";w=1", w.Header().Get("RateLimit-Policy"))
	}
	for _, name := range []string{"ä", "\n", "a\x7f", "\x00"} {
		for _, opts := range []httplimit.Options{{Name: name}, {Unit: name}} {
			require.PanicsWithValue(t, "httplimit: a name or unit that is not printable ASCII", func() { httplimit.Shared(&ledger{}, opts) })
		}
	}
}

// item is what the parser finds: a string with parameters, in order.
type item struct {
	name   string
	params []string // their keys
	number map[string]int64
	text   map[string]string
}

var errSyntax = errors.New("syntax")

// parseList reads a List of Items that are Strings, with parameters that are
// Integers or Strings, as RFC 9651 section 4.2 does.
func parseList(s string) (items []item, err error) {
	for {
		it := item{number: map[string]int64{}, text: map[string]string{}}
		if it.name, s, err = parseString(s); err != nil {
			return nil, err
		}
		for strings.HasPrefix(s, ";") {
			s = strings.TrimLeft(s[1:], " ")
			n := 0
			for n < len(s) && (s[n] == '*' || s[n] >= 'a' && s[n] <= 'z' || n > 0 && strings.IndexByte("0123456789_-.*", s[n]) >= 0) {
				n++
			}
			key := s[:n]
			if n == 0 || !strings.HasPrefix(s[n:], "=") {
				return nil, errSyntax
			}
			s = s[n+1:]
			it.params = append(it.params, key)
			if strings.HasPrefix(s, `"`) {
				if it.text[key], s, err = parseString(s); err != nil {
					return nil, err
				}
				continue
			}
			if n = len(s) - len(strings.TrimLeft(s, "0123456789")); n == 0 || n > 15 {
				return nil, errSyntax
			}
			it.number[key], _ = strconv.ParseInt(s[:n], 10, 64)
			s = s[n:]
		}
		items = append(items, it)
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return items, nil
		}
		if s[0] != ',' {
			return nil, errSyntax
		}
		if s = strings.TrimLeft(s[1:], " \t"); s == "" {
			return nil, errSyntax
		}
	}
}

func parseString(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", errSyntax
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return value, s[i+1:], nil
		case c == '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", errSyntax
			}
			value += s[i : i+1]
		case c < 0x20 || c > 0x7e:
			return "", "", errSyntax
		default:
			value += s[i : i+1]
		}
	}
	return "", "", errSyntax
}

func TestTheParserOfTheseTestsIsStrict(t *testing.T) {
	for _, bad := range []string{"", "a", `"a`, `"a\b"`, `"a";`, `"a";q`, `"a";q=`, `"a";q=-1`, `"a";Q=1`, `"a";q=1,`, `"a";q=1;;w=1`, `"a" "b"`, `"a";q=1234567890123456`, `"é"`, `"a" ;q=1`} {
		_, err := parseList(bad)
		require.Error(t, err, bad)
	}
	items, err := parseList(`"a\"\\"; q=1;qu="x" ,	"b"`)
	require.NoError(t, err)
	require.Equal(t, []item{{`a"\`, []string{"q", "qu"}, map[string]int64{"q": 1}, map[string]string{"qu": "x"}}, {"b", nil, map[string]int64{}, map[string]string{}}}, items)
}

// What is sent can be read, says what went in, and never that the client may be
// faster than the policy.
func FuzzTheFieldsAreStructuredFieldsAndSayWhatTheQuotaIs(f *testing.F) {
	f.Add("default", "", int64(100), int64(50), int64(60e9), int64(30e9), int64(0))
	f.Add(`a"\`, "content-bytes", int64(math.MaxInt64), int64(math.MaxInt64-1), int64(math.MaxInt64), int64(math.MaxInt64), int64(1))
	f.Add("x", "", int64(1), int64(0), int64(1e9), int64(5e9), int64(math.MaxInt64))
	f.Add("x", "", int64(0), int64(-1), int64(0), int64(-5e9), int64(-1))
	f.Fuzz(func(t *testing.T, name, unit string, limit, remaining, window, reset, after int64) {
		for _, s := range []string{name, unit} {
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Skip()
			}
		}
		opts := httplimit.Options{Name: name, Unit: unit}
		if name == "" {
			name = "default"
		}
		q := quota{&ledger{}, limit, remaining, time.Duration(window), time.Duration(reset)}
		if after > 0 {
			q.Limiter = refusal(limiter.ErrLimited, time.Duration(after))
		}
		header := ask(httplimit.Shared(q, opts)(httplimit.Shared(q, opts)(ok)), "/").Header()
		require.Len(t, header.Values("RateLimit"), 1)
		policies, err := parseList(header.Get("RateLimit-Policy"))
		require.NoError(t, err)
		limits, err := parseList(header.Get("RateLimit"))
		require.NoError(t, err)
		if after <= 0 {
			require.Len(t, limits, 2)
			require.Equal(t, limits[0], limits[1])
		}
		clip := func(n int64) int64 { return min(max(n, 0), 999_999_999_999_999) }
		p, l := policies[0], limits[0]
		require.Equal(t, []string{name, name}, []string{p.name, l.name})
		require.Equal(t, clip(limit), p.number["q"])
		require.Equal(t, clip(min(limit, remaining)), l.number["r"])
		wantUnit := unit
		if unit == "" && window <= 0 {
			wantUnit = "concurrent-requests"
		}
		require.Equal(t, wantUnit, p.text["qu"])
		w, hasW := p.number["w"]
		at, hasT := l.number["t"]
		require.Equal(t, window >= 1e9, hasW)
		require.Equal(t, window >= 1e9 && limit > 0, hasT)
		if hasW {
			require.Equal(t, (window-1)/1e9+1, w)
		}
		if !hasT {
			return
		}
		require.Positive(t, at)
		if sent, err := strconv.ParseInt(header.Get("Retry-After"), 10, 64); err == nil {
			require.LessOrEqual(t, at, sent)
		} else if left := l.number["r"]; left > 0 && limit == p.number["q"] {
			// r in t seconds is no more than q in w: but for what rounding w has added.
			require.LessOrEqual(t, float64(left)/float64(at), float64(limit)/(float64(window)/1e9)*(1+1e-9))
		}
	})
}
