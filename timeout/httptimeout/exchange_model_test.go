package httptimeout_test

// This file lets handlers do random things at random times, and holds each
// response against a model: whose it was, and from when on.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout/httptimeout"
)

const (
	limit    = 5 * time.Second
	patience = 3 * time.Second
)

// script is what a handler does: two bytes a step, what and after how long.
type script []byte

// model is what becomes of it.
type model struct {
	now     time.Duration
	code    int           // of the response; 0 while it is open
	refused time.Duration // when the 503 was sent; 0 if it wasn't
}

// pass lets time pass. The ResponseWriter is in use meanwhile, or it isn't.
func (m *model) pass(d time.Duration, inUse bool) {
	m.now += d
	if m.code == 0 && m.now >= limit {
		m.code, m.refused = http.StatusServiceUnavailable, limit
		if inUse {
			m.refused = m.now
		}
	}
}

// send is the handler's sending a final header, if that succeeds.
func (m *model) send(code int) (fails bool) {
	if m.code == 0 {
		m.code = code
	}
	return m.refused > 0
}

// timed is a wire that says when the 503 was sent.
type timed struct {
	*wire
	refused time.Duration
}

func (w *timed) WriteHeader(code int) {
	if code == http.StatusServiceUnavailable {
		w.refused = time.Since(w.began)
	}
	w.wire.WriteHeader(code)
}

// play has the script played by a handler, beside the model.
func play(t *testing.T, s script) {
	var m model
	w := &timed{wire: newWire()}
	w.err = errors.New("no")
	reports := 0
	h := httptimeout.New(http.HandlerFunc(func(h http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(h)
		for i := 0; i+1 < len(s); i += 2 {
			d := time.Duration(s[i+1]%8) * time.Second / 2
			wants := false // to fail
			var err error
			switch s[i] % 8 {
			case 0, 1:
				time.Sleep(d)
				m.pass(d, false)
				continue
			case 2:
				h.Header().Set("X-Ours", fmt.Sprint(i))
				continue
			case 3:
				_, err = h.Write([]byte("x"))
				wants = m.send(http.StatusOK)
			case 4:
				h.WriteHeader(http.StatusTeapot)
				m.send(http.StatusTeapot)
				continue
			case 5:
				err = c.Flush()
				wants = m.send(http.StatusOK)
			case 6:
				w.takes = d
				h.WriteHeader(http.StatusEarlyHints)
				if m.refused == 0 {
					m.pass(d, true)
				}
				continue
			case 7:
				w.takes = d
				err = c.SetReadDeadline(time.Time{})
				if wants = m.refused > 0; !wants {
					m.pass(d, true)
				}
			}
			require.Equal(t, wants, err == http.ErrHandlerTimeout, "%v: step %d: %v", []byte(s), i, err)
		}
	}), limit, httptimeout.Options{Patience: patience, OnOverstay: func(_ *http.Request, over time.Duration) {
		require.Equal(t, patience, over)
		reports++
	}})
	h.ServeHTTP(w, get())

	require.Equal(t, m.now, time.Since(w.began), "%v", []byte(s))
	m.send(http.StatusOK)
	require.Equal(t, m.code, w.Code, "%v", []byte(s))
	require.Equal(t, m.refused, w.refused, "%v", []byte(s))
	if m.now != limit+patience { // then it is anybody's guess
		require.Equal(t, m.now > limit+patience, reports == 1, "%v", []byte(s))
	}
	require.Zero(t, h.Overstaying())
	if m.refused > 0 {
		require.Equal(t, outOfTime, w.Body.String(), "%v", []byte(s))
	}
	time.Sleep(time.Hour)
	require.LessOrEqual(t, reports, 1)
}

func FuzzWhoseResponseItIsAgreesWithTheModel(f *testing.F) {
	f.Add([]byte{3, 0, 0, 7, 0, 7, 3, 0})       // begun, and then late
	f.Add([]byte{0, 7, 6, 7, 3, 0, 0, 7, 0, 7}) // the deadline during a 103
	f.Add([]byte{0, 7, 0, 3, 5, 0})             // at the very deadline
	f.Fuzz(func(t *testing.T, s []byte) {
		synctest.Test(t, func(t *testing.T) { play(t, s[:min(len(s), 200)]) })
	})
}

func TestWhoseResponseItIsAgreesWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		s := make([]byte, 2*random.IntN(12))
		for i := range s {
			s[i] = byte(random.UintN(256))
		}
		synctest.Test(t, func(t *testing.T) { play(t, s) })
	}
}
