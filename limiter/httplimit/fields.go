package httplimit

// This file writes the RateLimit fields, as structured fields (RFC 9651): lists
// of strings with parameters that are integers and strings.

import (
	"math/bits"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belay-go/belay/limiter"
)

// The names as net/http keeps them.
const (
	fieldPolicy = "Ratelimit-Policy"
	fieldLimit  = "Ratelimit"
)

// quoter is a limiter that can tell its quota.
type quoter interface {
	Quota() (limit, remaining int64, window, reset time.Duration)
}

// policy is the item of a policy, written once for all responses that have the
// same. As a rule that is every one.
type policy struct {
	limit  int64
	window time.Duration
	item   string
}

// writeFields adds the limiter's items to the fields. The client has been told
// to come back after that many seconds, unless it is unknown.
func (m *middleware) writeFields(header http.Header, l limiter.Limiter, after int64) {
	q, ok := l.(quoter)
	if !ok || m.opts.Hide {
		return
	}
	limit, remaining, window, reset := q.Quota()
	p := m.policy.Load()
	if p == nil || p.limit != limit || p.window != window {
		p = &policy{limit: limit, window: window, item: m.policyItem(limit, window)}
		m.policy.Store(p)
	}
	add(header, fieldPolicy, p.item)
	add(header, fieldLimit, m.limitItem(limit, remaining, window, reset, after))
}

// policyItem says what the limit is.
func (m *middleware) policyItem(limit int64, window time.Duration) string {
	item := m.name + ";q=" + strconv.FormatInt(integer(limit), 10)
	unit := m.unit
	if unit == "" && window <= 0 {
		unit = `"concurrent-requests"`
	}
	if unit != "" {
		item += ";qu=" + unit
	}
	if window >= time.Second {
		item += ";w=" + strconv.FormatInt(integer(seconds(window)), 10)
	}
	return item
}

// limitItem says what is left of it.
func (m *middleware) limitItem(limit, remaining int64, window, reset time.Duration, after int64) string {
	remaining = min(remaining, limit)
	var some [96]byte
	item := append(some[:0], m.name...)
	item = append(item, ";r="...)
	item = strconv.AppendInt(item, integer(remaining), 10)
	if window >= time.Second && limit > 0 {
		t := max(1, seconds(lasts(limit, remaining, window, reset)))
		if after != unknown {
			t = min(t, after)
		}
		item = append(item, ";t="...)
		item = strconv.AppendInt(item, integer(t), 10)
	}
	return string(item)
}

// lasts returns how long the remaining units last at the pace of the policy, or
// how long it is until there is one.
func lasts(limit, remaining int64, window, reset time.Duration) time.Duration {
	if remaining > 0 {
		return part(window, remaining, limit)
	}
	// With the first unit, all that is missing are the others.
	return reset - part(window, limit-1, limit)
}

// part returns n of limit parts of the window, where 0 <= n <= limit.
func part(window time.Duration, n, limit int64) time.Duration {
	hi, lo := bits.Mul64(uint64(window), uint64(n))
	whole, _ := bits.Div64(hi, lo, uint64(limit)) // at most the window
	return time.Duration(whole)
}

// integer returns n as far as a structured field has room for it.
func integer(n int64) int64 { return min(max(n, 0), 999_999_999_999_999) }

// add adds an item to a list. It stays one line: many a client reads no further.
func add(header http.Header, name, item string) {
	if lines := header[name]; len(lines) > 0 {
		item = strings.Join(lines, ", ") + ", " + item
	}
	header[name] = []string{item}
}

// quote returns s as a String of a structured field.
func quote(s string) string {
	quoted := make([]byte, 0, len(s)+2)
	quoted = append(quoted, '"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			panic("httplimit: a name or unit that is not printable ASCII")
		}
		if c == '"' || c == '\\' {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, c)
	}
	return string(append(quoted, '"'))
}
