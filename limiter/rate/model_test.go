package rate_test

// This file runs random programs on a limiter and on a model in whole numbers:
// time in eighths of a second and tokens in eighths of a token, so that neither
// side has anything to round.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

const (
	eighth   = time.Second / 8
	lateness = int64(time.Minute / eighth)
)

// booking is one reservation in the model.
type booking struct {
	r    *rate.Reservation
	n    int64
	act  int64
	debt int64
	gone bool  // never made, or cancelled
	back int64 // what came back
}

// model is a bucket that forgets nothing.
type model struct {
	limit, burst, tokens, last int64
	taken                      []*booking // by their turn, cancelled ones too
}

func (m *model) advance(now int64) {
	if now > m.last {
		m.tokens += m.limit * (now - m.last)
		m.last = now
	} else if now < m.last-lateness {
		m.last = now
		m.taken = nil // on another clock
	}
	m.tokens = min(m.tokens, 8*m.burst)
}

// take returns when the tokens may be used, or never.
func (m *model) take(now, n int64, mayWait bool) *booking {
	try := *m
	try.advance(now)
	try.tokens -= 8 * n
	b := &booking{n: n, act: now, debt: min(max(-try.tokens, 0), 8*n)}
	if try.tokens < 0 {
		if m.limit == 0 || !mayWait {
			return &booking{gone: true}
		}
		b.act = try.last + (-try.tokens+m.limit-1)/m.limit
	}
	if n > m.burst {
		return &booking{gone: true}
	}
	*m = try
	if mayWait && n > 0 {
		m.forget()
		m.taken = append(m.taken, b)
		slices.SortStableFunc(m.taken, func(a, b *booking) int { return int(a.act - b.act) })
	}
	return b
}

// forget drops all turns up to the last that was used.
func (m *model) forget() {
	for i, b := range slices.Backward(m.taken) {
		if !b.gone && b.act < m.last {
			m.taken = m.taken[i+1:]
			return
		}
	}
}

func (m *model) cancel(now int64, b *booking) {
	if b.gone || b.n == 0 || now > b.act {
		return
	}
	m.advance(now)
	m.forget()
	var owed int64
	for _, l := range m.taken[slices.Index(m.taken, b)+1:] {
		if l.gone {
			owed += 8 * l.n
		} else {
			owed += l.debt
		}
	}
	b.gone, b.back = true, max(8*b.n-owed, 0)
	m.tokens += b.back
	for i := len(m.taken) - 1; i >= 0 && m.taken[i].gone; i-- {
		m.tokens += 8*m.taken[i].n - m.taken[i].back
		m.taken = m.taken[:i]
	}
	m.tokens = min(m.tokens, 8*m.burst)
}

// run runs a program of three bytes an operation.
func run(t *testing.T, program []byte) {
	// Powers of two, so that every division comes out even.
	limits := []int64{0, 1, 2, 4, 8}
	epoch := time.Now()
	lim := rate.NewLimiter(2, 4)
	m := &model{limit: 2, burst: 4, tokens: 32}
	now := int64(0)
	lim.AllowN(epoch, 0)
	m.take(0, 0, false)
	var bookings []*booking
	log := ""
	settled := true // neither the settings nor the clock have changed
	for op := range slices.Chunk(program, 3) {
		if len(op) < 3 {
			break
		}
		now += int64(op[1] % 16)
		at := now
		switch {
		case op[1] >= 0xfc:
			now -= 2 * lateness // another clock
			at = now
			bookings, settled = nil, false
		case op[1] >= 0xe0:
			at -= int64(op[2] % 32) // late
		}
		when, n := epoch.Add(time.Duration(at)*eighth), int64(op[2]%6)
		log += fmt.Sprintf("; at %d: op %d of %d", at, op[0]%8, n)
		switch op[0] % 8 {
		case 0, 1, 2:
			require.Equal(t, !m.take(at, n, false).gone, lim.AllowN(when, int(n)), log)
		case 3, 4:
			b := m.take(at, n, true)
			b.r = lim.ReserveN(when, int(n))
			bookings = append(bookings, b)
			require.Equal(t, !b.gone, b.r.OK(), log)
			if !b.gone && at >= now {
				got := b.r.DelayFrom(when)
				require.Equal(t, b.act-at, int64((got+eighth-1)/eighth), log)
			}
		case 5:
			// What a cancel gives back is exact while nothing else changes; for
			// every other case there is the bound.
			if len(bookings) > 0 && settled {
				b := bookings[int(op[2])%len(bookings)]
				// Acts between two eighths are later in the model.
				if b.r.DelayFrom(when) > 0 || b.gone || at > b.act {
					m.cancel(at, b)
					b.r.CancelAt(when)
				}
			}
		case 6:
			m.advance(at)
			settled = false
			m.limit = limits[int(op[2])%len(limits)]
			lim.SetLimitAt(when, rate.Limit(m.limit))
		case 7:
			m.advance(at)
			settled = false
			m.burst = n
			lim.SetBurstAt(when, int(n))
		}
		look := *m
		look.advance(at)
		require.Equal(t, float64(look.tokens)/8, lim.TokensAt(when), log)
	}
}

func TestRandomProgramsGoAsInTheModel(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 3))
		program := make([]byte, 3*random.IntN(60))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		run(t, program)
	}
}

func FuzzLimiter(f *testing.F) {
	f.Add([]byte{3, 0, 4, 3, 0, 3, 3, 0, 1, 5, 0, 1, 5, 0, 2}) // reserve thrice, cancel two
	f.Add([]byte{0, 0, 4, 0, 8, 1, 0, 0xe1, 1, 0, 0, 1})       // a late reading
	f.Add([]byte{0, 0, 4, 0, 0xff, 1, 0, 8, 1})                // another clock
	f.Add([]byte{0, 0, 4, 6, 0, 0, 3, 1, 1, 6, 1, 3, 3, 1, 2}) // limit 0 and back
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 300 {
			run(t, program)
		}
	})
}
