package keyed

// This file is a token bucket in one number, the instant at which it was empty
// or would have been: it has then as many tokens as are gained since, up to the
// burst. To take is to move that instant forward, and a bucket whose instant is
// further back than it takes to fill is full, like one that was never used.
//
// Instants are counted in units of a sixteenth of a nanosecond, or larger ones
// where a bucket takes more than two years to fill. No sum here overflows: an
// instant of the clock is below 2^60 units, a full bucket is not more than
// that, and no debt is.

import (
	"math"
	"time"
)

const (
	never   = time.Duration(math.MaxInt64)
	highest = 1 << 60 // units of the clock, a bucket, a debt, at most
	finest  = 4       // 2^4 units are a nanosecond
	still   = -63     // as shift: the clock stands, and nothing is gained
	fastest = 1e9     // tokens a second. More is no limit

	unused = -1 << 61 // the instant at which a bucket was empty that is full whatever the time
)

// pace is how fast a bucket fills. It doesn't change.
type pace struct {
	burst     int64
	unlimited bool
	shift     int     // 2^shift units are a nanosecond
	token     float64 // units of a token
	one, full int64   // units of one token, and of the burst
}

func newPace(limit float64, burst int64) pace {
	burst = max(burst, 0)
	p := pace{burst: burst, unlimited: limit > fastest, shift: finest}
	if p.unlimited {
		return p
	}
	p.token = 1e9 / limit * (1 << finest)
	if full := p.token * float64(burst); full > highest {
		_, exp := math.Frexp(full / highest)
		p.shift -= exp
		p.token = math.Ldexp(p.token, -exp)
	}
	// Written so that it is true for what is not a number as well.
	if !(limit > 0) || math.IsInf(p.token, 0) || p.shift < -55 {
		p.shift, p.token = still, min(1, highest/max(1, float64(burst)))
	}
	p.one = p.rounded(1)
	p.full = p.cost(burst)
	return p
}

// cost returns the units of n tokens; of one or more, one at least.
//
// They are rounded to the nearest. To round up would be strict, and wrong: what
// is gained in just the interval of a token would be a unit short.
func (p *pace) cost(n int64) int64 {
	switch {
	case n == 1:
		return p.one
	case n <= 0:
		return 0
	}
	return p.rounded(n)
}

func (p *pace) rounded(n int64) int64 {
	return int64(max(1, min(highest, math.Round(float64(n)*p.token))))
}

// at returns an instant of the clock in units.
func (p *pace) at(t instant) int64 {
	if p.shift >= 0 {
		return int64(t) << p.shift
	}
	return int64(t) >> -p.shift
}

// duration returns how long it takes to gain so many units, rounded up.
func (p *pace) duration(units int64) time.Duration {
	switch {
	case units <= 0:
		return 0
	case p.shift >= 0:
		return time.Duration((units-1)>>p.shift + 1)
	case units > math.MaxInt64>>-p.shift:
		return never
	}
	return time.Duration(units << -p.shift)
}

// after returns the instant at which a bucket was empty that has had cost taken
// from it at t. If it is later than t, there was too little in it.
func (p *pace) after(empty, t, cost int64) int64 { return max(empty, t-p.full) + cost }

// tokens returns the most tokens that can be taken at t.
func (p *pace) tokens(empty, t int64) int64 {
	there := t - max(empty, t-p.full)
	if there <= 0 {
		return 0
	}
	n := int64(min(float64(there)/p.token, float64(p.burst)*(1-0x1p-52)))
	// The division is as good as floats are: it may be a few off.
	for n > 0 && p.cost(n) > there {
		n--
	}
	for n < p.burst && p.cost(n+1) <= there {
		n++
	}
	return n
}
