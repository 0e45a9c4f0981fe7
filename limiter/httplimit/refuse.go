package httplimit

// This file answers requests that were refused.

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/belay-go/belay/limiter"
)

// refused answers a request that got nothing of its limit.
func (m *middleware) refused(w http.ResponseWriter, r *http.Request, limit limiter.Limiter, cost int64, key string, err error) {
	least := m.retryAfter(err)
	why := Refusal{Key: key, Err: err, Status: statusOf(err, limit, cost), RetryAfter: time.Duration(spread(least)) * time.Second}
	header := w.Header()
	m.writeFields(header, limit, least)
	delete(header, "Retry-After")
	if least > 0 {
		header["Retry-After"] = []string{strconv.FormatInt(int64(why.RetryAfter/time.Second), 10)}
	}
	header["Cache-Control"] = []string{"no-store"} // whatever was set for all answers
	delete(header, "Content-Length")
	if m.opts.OnRefused != nil {
		m.opts.OnRefused(r, why)
	}
	a := &answer{ResponseWriter: w, status: why.Status, fields: http.Header{}}
	for _, name := range []string{"Retry-After", fieldLimit, fieldPolicy} {
		if values := header[name]; values != nil {
			a.fields[name] = append([]string(nil), values...)
		}
	}
	m.opts.Refuse(a, r, why)
	if !a.begun {
		a.WriteHeader(why.Status)
	}
}

// statusOf returns the status for an error of Take.
func statusOf(err error, limit limiter.Limiter, cost int64) int {
	if errors.Is(err, limiter.ErrTooLarge) && cost > 1 {
		return http.StatusRequestEntityTooLarge
	}
	if q, ok := limit.(quoter); ok {
		if _, _, window, _ := q.Quota(); window == 0 {
			return http.StatusServiceUnavailable
		}
	}
	var why *limiter.RefusedError
	if errors.As(err, &why) && (errors.Is(why, limiter.ErrLimited) || errors.Is(why, limiter.ErrTooLate)) {
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// unknown is the Retry-After of what nobody knows, or what no waiting helps.
const unknown = 0

// most is the largest number of seconds that, with its fifth, is a Duration.
const most = math.MaxInt64 / int64(time.Second) / 6 * 5

// retryAfter returns after how many seconds, at least, to come back.
func (m *middleware) retryAfter(err error) int64 {
	var why *limiter.RefusedError
	var after time.Duration
	if errors.As(err, &why) {
		after = why.RetryAfter
		if after == math.MaxInt64 || errors.Is(why, limiter.ErrTooLarge) {
			return unknown
		}
	}
	if after <= 0 {
		after = max(m.opts.RetryAfter, 0)
	}
	return min(seconds(after), most)
}

// spread adds up to a fifth.
func spread(s int64) int64 { return s + rand.Int64N(s/5+1) }

// seconds rounds up.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

// refuse is the default of Options.Refuse.
func refuse(w http.ResponseWriter, _ *http.Request, why Refusal) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	text := http.StatusText(why.Status)
	if why.RetryAfter > 0 {
		text += fmt.Sprintf(": retry after %d s", why.RetryAfter/time.Second)
	}
	_, _ = io.WriteString(w, text+"\n") // an error is the client's having gone
}

// answer is the ResponseWriter of Options.Refuse. It has no Unwrap, by which the
// fields could be lost.
type answer struct {
	http.ResponseWriter
	status int
	fields http.Header // to be sent in any case
	begun  bool
}

func (a *answer) WriteHeader(code int) {
	if code >= 200 || code == http.StatusSwitchingProtocols {
		a.begun = true
	}
	header := a.Header()
	for name, values := range a.fields {
		header[name] = values
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(p []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(a.status)
	}
	return a.ResponseWriter.Write(p)
}
