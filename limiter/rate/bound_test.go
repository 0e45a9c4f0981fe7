package rate_test

// This file checks what a limiter is for: that no span of time sees more tokens
// than the burst and what is gained in it, whatever is reserved and cancelled in
// whatever order, and however extreme the numbers are.

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

// use is tokens that became usable.
type use struct {
	at time.Duration
	n  int
}

// requireBound looks at every span that begins and ends with a use.
func requireBound(t *testing.T, uses []use, perSecond float64, burst int) {
	slices.SortFunc(uses, func(a, b use) int { return int(a.at - b.at) })
	for i := range uses {
		sum := 0
		for j := i; j < len(uses); j++ {
			sum += uses[j].n
			// A nanosecond for each end, which is cut to whole ones.
			span := uses[j].at - uses[i].at + 2
			require.LessOrEqual(t, float64(sum), float64(burst)+perSecond*span.Seconds()+1e-6,
				"uses %d to %d of %v; limit %v, burst %d", i, j, uses, perSecond, burst)
		}
	}
}

func TestNoSpanOfTimeSeesMoreThanItsShare(t *testing.T) {
	epoch := time.Now()
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 4))
		perSecond := math.Exp(random.Float64()*14 - 4) // 0.02 to 22,000
		burst := 1 + random.IntN(6)
		lim := rate.NewLimiter(rate.Limit(perSecond), burst)
		type booked struct {
			use
			r *rate.Reservation
		}
		var uses []use
		var open []booked
		now, seen := time.Duration(0), -time.Hour
		for range 80 {
			now += time.Duration(random.ExpFloat64() / perSecond * 1e9)
			at := epoch.Add(now - time.Duration(random.IntN(2)*random.IntN(1e6))) // some are late
			counts := max(seen, at.Sub(epoch))                                    // an older reading counts as the latest that took tokens
			n := random.IntN(burst + 1)
			switch op := random.IntN(4); {
			case op == 0:
				if lim.AllowN(at, n) {
					uses = append(uses, use{counts, n})
					seen = counts
				}
			case op < 3:
				if r := lim.ReserveN(at, n); r.OK() {
					open = append(open, booked{use{max(at.Add(r.DelayFrom(at)).Sub(epoch), counts), n}, r})
					seen = counts
				}
			case len(open) > 0:
				i := random.IntN(len(open))
				if open[i].at > now {
					open[i].r.CancelAt(epoch.Add(now))
					if open[i].n > 0 {
						seen = max(seen, now)
					}
					open = slices.Delete(open, i, i+1)
				}
			}
		}
		for _, b := range open {
			uses = append(uses, b.use)
		}
		requireBound(t, uses, perSecond, burst)
	}
}

func TestAllReservationsCancelledInAnyOrderGiveAllTokensBack(t *testing.T) {
	now := time.Now()
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 5))
		lim := rate.NewLimiter(rate.Limit(random.Float64()+0.1), 20) // an interval that isn't whole
		lim.AllowN(now, 20)
		var rs []*rate.Reservation
		for range 1 + random.IntN(30) {
			rs = append(rs, lim.ReserveN(now, random.IntN(21)))
		}
		for _, i := range random.Perm(len(rs)) {
			rs[i].CancelAt(now)
			rs[i].CancelAt(now)
		}
		require.InDelta(t, 0, lim.TokensAt(now), 1e-12)
	}
}

// TestDelaysAreExactForEveryLimit takes a full burst, then more, and holds the
// delay against the quotient in arbitrary precision.
func TestDelaysAreExactForEveryLimit(t *testing.T) {
	now := time.Now()
	for _, limit := range []float64{
		5e-324, 1e-300, 1e-12, 1e-10, 1e-9, 0.1, 1. / 3, 1, 3, 7.7, 1e3, 1e6, 1e9, 1e9 + 1, 1e12, 1e18, 1e300,
	} {
		for _, burst := range []int{1, 3, 1000, 1 << 30, math.MaxInt} {
			lim := rate.NewLimiter(rate.Limit(limit), burst)
			require.True(t, lim.AllowN(now, burst), "%v, %d: starts full", limit, burst)
			exact := new(big.Rat).SetInt64(int64(burst))
			exact.Quo(exact, new(big.Rat).SetFloat64(limit))
			exact.Mul(exact, big.NewRat(1e9, 1))
			want, _ := exact.Float64()

			r := lim.ReserveN(now, burst)
			if want > math.MaxInt64-float64(time.Hour) && want < math.MaxInt64 {
				continue // the end of time, as of the beginning of the process
			}
			if want >= math.MaxInt64 {
				require.False(t, r.OK(), "%v, %d: tokens that come in %v ns never come", limit, burst, want)
				require.Zero(t, lim.TokensAt(now))
				continue
			}
			require.True(t, r.OK(), "%v, %d", limit, burst)
			require.InDelta(t, want, float64(r.DelayFrom(now)), 1+want*1e-15, "%v, %d", limit, burst)
		}
	}
}

func TestLimitsThatGiveNothing(t *testing.T) {
	now := time.Now()
	for _, limit := range []float64{0, -1, math.NaN(), math.Inf(-1), -math.MaxFloat64} {
		lim := rate.NewLimiter(rate.Limit(limit), 2)
		require.True(t, lim.AllowN(now, 2), "%v: starts full", limit)
		later := now.Add(100 * 365 * 24 * time.Hour)
		require.False(t, lim.AllowN(later, 1), limit)
		r := lim.ReserveN(later, 1)
		require.False(t, r.OK(), limit)
		require.Equal(t, rate.InfDuration, r.DelayFrom(later))
		r.CancelAt(later)
		require.Zero(t, lim.TokensAt(later), "a refused reservation owes nothing")

		lim.SetLimitAt(later, 10)
		require.Equal(t, 100*time.Millisecond, lim.ReserveN(later, 1).DelayFrom(later))
	}
}

func TestLimitsThatGiveEverything(t *testing.T) {
	now := time.Now()
	for _, limit := range []rate.Limit{rate.Inf, rate.Limit(math.Inf(1)), rate.Every(0), rate.Every(-1), rate.Every(math.MinInt64)} {
		lim := rate.NewLimiter(limit, 0)
		for range 3 {
			require.True(t, lim.AllowN(now, math.MaxInt))
			r := lim.ReserveN(now, math.MaxInt)
			require.Zero(t, r.DelayFrom(now))
			r.CancelAt(now)
		}
		lim.SetBurstAt(now, 3)
		lim.SetLimitAt(now, 1)
		require.Zero(t, lim.TokensAt(now), "what was allowed without a limit is no credit, and no debt")
		require.Equal(t, 3.0, lim.TokensAt(now.Add(time.Hour)))
	}
}

func TestABurstBelowZeroAllowsNothing(t *testing.T) {
	lim := rate.NewLimiter(1, -1)
	require.False(t, lim.AllowN(time.Now().Add(time.Hour), 0))
	require.False(t, lim.Reserve().OK())
	require.ErrorIs(t, lim.Wait(t.Context()), rate.ErrTooLarge)
}
