package rate

// This file is the fast path of a limiter to which nothing special happens: the
// bucket on one word, so that a call costs a reading of the clock and one
// compare-and-swap. The clock is most of it.
//
//	 63       62 ........ 47   46 ................. 0
//	┌────────┬──────────────┬────────────────────────┐
//	│ sealed │ tokens taken │ level, in units        │
//	└────────┴──────────────┴────────────────────────┘
//
// A unit is a part of a token: as small as it must be for 16 to 32 of them to be
// gained in a nanosecond. The level is the tokens taken since the meter was
// made, and those lost since then because the bucket was full. With
//
//	gained(t) = the tokens at the beginning + those gained since, rounded down
//
// gained-level are the tokens there are, no more than the burst: a call first
// raises the level to gained-burst, which is what got lost, and then by what it
// takes, if that is not beyond gained. Whole tokens are whole units, so to take
// them rounds nothing. How many were taken is for Stats.
//
// The fields beside the word never change. Who needs more than to take tokens
// that are there locks, seals the word, and has it all below the lock; no
// compare-and-swap of a sealed word succeeds, and no meter is ever used again.
// After some calls that needed nothing more the next meter is made.
//
// Time is right, too. A reading that is overtaken before the swap is at most too
// early, and so takes no more than there is; but it must not refuse what there
// was all the time. So a refusal stands only if the word is what it was before
// the clock was read: then it holds for the instant of the reading.

import (
	"math"
	"math/bits"
	"sync/atomic"
)

const (
	levelBits = 47
	takenBits = 63 - levelBits

	sealed    uint64 = 1 << 63
	maxTaken         = 1<<takenBits - 1
	maxLevel         = 1<<levelBits - 1
	oneTaken  uint64 = 1 << levelBits
	calmCalls        = 16 // after so many that needed no more, at least, the next meter is made
)

func level(word uint64) uint64 { return word & maxLevel }
func taken(word uint64) uint64 { return word &^ sealed >> levelBits }

// meter is a bucket as of an instant, and what was taken from it since.
type meter struct {
	word atomic.Uint64

	origin instant
	begin  uint64 // units at origin
	full   uint64 // units of the burst
	pace   uint64 // units gained in 2^58 ns
	until  uint64 // ns from origin on for which this can be told in the word
	spare  uint64 // units gained in less than a nanosecond: their lack is no reason to refuse
	shift  int    // 2^shift units are a token
}

// newMeter returns a meter for a bucket, nil if a word is too small for it: if it
// takes more than about a quarter of an hour to fill.
func newMeter(b *bucket) *meter {
	if b.limit.never() || b.limit.unlimited() || b.burst <= 0 || b.tokens < 0 {
		return nil
	}
	fraction, exp := math.Frexp(float64(b.limit) / 1e9)
	shift := 5 - exp
	full := math.Ldexp(float64(b.burst), shift)
	if shift < 0 || full > maxLevel/4 {
		return nil
	}
	m := &meter{
		origin: b.last,
		begin:  uint64(math.Ldexp(min(b.tokens, b.full), shift)),
		full:   uint64(full),
		pace:   uint64(math.Ldexp(fraction, 63)),
		until:  maxLevel / 4 / 32,
		shift:  shift,
	}
	m.spare = m.pace>>58 - 1
	return m
}

// gained returns the units that there would be, had nothing been taken or lost.
func (m *meter) gained(ns uint64) uint64 {
	hi, lo := bits.Mul64(ns, m.pace)
	return m.begin + hi<<6 + lo>>58
}

// take takes n tokens, at least one, if it can tell whether they are there.
func (m *meter) take(n int64) (ok, known bool) {
	for {
		before := m.word.Load()
		ns := uint64(now() - m.origin) // huge for an instant before origin
		if ns > m.until {
			return false, false
		}
		gained := m.gained(ns)
		for word := m.word.Load(); ; word = m.word.Load() {
			if word&sealed != 0 || uint64(n) > maxTaken-taken(word) || uint64(n)<<m.shift > m.full {
				return false, false
			}
			now := level(word)
			if gained > m.full {
				now = max(now, gained-m.full)
			}
			now += uint64(n) << m.shift
			if now > gained+m.spare {
				if word != before {
					break // to a later reading of the clock
				}
				return false, true
			}
			if m.word.CompareAndSwap(word, (taken(word)+uint64(n))<<levelBits|now) {
				return true, true
			}
		}
	}
}

// takeMeter takes n tokens by the meter, if there is one.
func (lim *Limiter) takeMeter(n int64) (ok, known bool) {
	m := lim.meter.Load()
	if m == nil {
		return false, false
	}
	ok, known = m.take(n)
	if known && !ok {
		lim.refused.Add(1)
	}
	return ok, known
}

// meterLocked makes a meter, after enough calls that have needed nothing else.
// What such a meter has to be good for grows with those that were not, so that
// in a mix of calls it is not made again and again.
func (lim *Limiter) meterLocked(t instant) {
	mu := &lim.mu
	mu.calm++
	if mu.calm < max(mu.patience, calmCalls) || t.foreign() || mu.pending.first != nil || mu.used.first != nil || mu.leased != 0 {
		return
	}
	if m := newMeter(&mu.bucket); m != nil {
		lim.meter.Store(m)
	}
	mu.calm = 0
}

// sealLocked ends the meter and puts what it says below the lock.
func (lim *Limiter) sealLocked() {
	mu, m := &lim.mu, lim.meter.Load()
	lim.meter.Store(nil)
	word := m.word.Swap(sealed)
	mu.tokens -= m.tokens(level(word))
	mu.stats.Total += taken(word)
	if taken(word) < uint64(mu.patience) {
		mu.patience = min(2*mu.patience, 1<<12)
	} else {
		mu.patience = calmCalls
	}
	mu.calm = 0
}

// tokens returns units as tokens. A part of a unit may have been lost besides.
func (m *meter) tokens(units uint64) float64 {
	if units&(1<<m.shift-1) != 0 {
		units++
	}
	return math.Ldexp(float64(units), -m.shift)
}
