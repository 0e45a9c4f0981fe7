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

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter/rate"
)

const (
	eighth   = time.Second / 8
	lateness = int64(time.Minute / eighth)
)

// booking is one reservation in the model. Heights are in eighths of a token,
// counted from where the bucket was at the beginning.
type booking struct {
	r     *rate.Reservation
	n     int64
	act   int64 // its turn, rounded up
	early bool  // by something
	turn  int64 // what is gained by then
	thick int64 // its tokens and the gap below it
	gone  bool  // never made, or cancelled
}

// model is a bucket that forgets nothing: what was gained, also above the burst,
// and the level to which that was taken or lost.
type model struct {
	limit, burst, gained, level, last int64
	pending                           []*booking // by their turn
	total, refused                    uint64
}

func (m *model) tokens() int64 { return m.gained - m.level }

// see is what any call does with a reading of the clock.
func (m *model) see(now int64) {
	if now < m.last-lateness {
		m.last, m.pending = now, nil // on another clock
	}
	for len(m.pending) > 0 {
		b, at := m.pending[0], max(now, m.last)
		if b.act > at || b.act == at && !b.early {
			return
		}
		m.pending = m.pending[1:]
	}
}

func (m *model) advance(now int64) {
	if now > m.last {
		m.gained += m.limit * (now - m.last)
		m.last = now
	}
	m.level = max(m.level, m.gained-8*m.burst)
}

// take returns when the tokens may be used, or never.
func (m *model) take(now, n int64, mayWait bool) *booking {
	m.see(now)
	try := *m
	try.advance(now)
	try.level += 8 * n
	b := &booking{n: n, act: max(now, m.last), turn: max(try.gained, try.level), thick: 8 * n}
	missing := -try.tokens()
	if n > m.burst || missing > 0 && (m.limit == 0 || !mayWait) {
		m.refused++
		return &booking{gone: true}
	}
	if missing > 0 {
		b.act = try.last + (missing+m.limit-1)/m.limit
		b.early = missing%m.limit != 0
	}
	*m = try
	m.total += uint64(n)
	if mayWait && n > 0 {
		m.pending = append(m.pending, b)
		slices.SortStableFunc(m.pending, func(a, b *booking) int { return int(a.turn - b.turn) })
	}
	return b
}

// cancel lets all that is above slide down.
func (m *model) cancel(now int64, b *booking) {
	m.see(now)
	i := slices.Index(m.pending, b)
	if i < 0 || b.gone {
		return
	}
	m.advance(now)
	b.gone = true
	edge := m.level
	for _, above := range m.pending[i+1:] {
		edge -= above.thick
	}
	by := b.thick
	m.pending = slices.Delete(m.pending, i, i+1)
	for _, above := range m.pending[i:] {
		was := above.thick - 8*above.n
		gap := min(max(0, above.turn-8*m.burst-(edge-by)), was+by)
		edge += above.thick
		above.thick += gap - was
		by -= gap - was
	}
	m.level = max(m.level-by, m.gained-8*m.burst)
}

// run runs a program of three bytes an operation.
func run(t *testing.T, program []byte) {
	// Powers of two, so that every division comes out even.
	limits := []int64{0, 1, 2, 4, 8}
	epoch := time.Now()
	lim := rate.NewLimiter(2, 4)
	m := &model{limit: 2, burst: 4, gained: 32}
	now := int64(0)
	lim.AllowN(epoch, 0)
	m.take(0, 0, false)
	var last belay.Stats
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
				m.cancel(at, b)
				b.r.CancelAt(when)
			}
		case 6:
			m.see(at)
			m.advance(at)
			settled = false
			m.limit = limits[int(op[2])%len(limits)]
			lim.SetLimitAt(when, rate.Limit(m.limit))
		case 7:
			m.see(at)
			m.advance(at)
			settled = false
			m.burst = n
			lim.SetBurstAt(when, int(n))
		}
		look := *m
		look.advance(at)
		require.Equal(t, float64(look.tokens())/8, lim.TokensAt(when), log)
		stats := lim.Stats()
		require.Equal(t, []uint64{m.total, m.refused}, []uint64{stats.Total, stats.Refused}, log)
		require.Equal(t, belay.Stats{Total: stats.Total, Refused: stats.Refused}, stats, log)
		require.GreaterOrEqual(t, stats.Total, last.Total)
		last = stats
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
