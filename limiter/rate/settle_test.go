package rate_test

// This file tests what comes back of tokens that were taken: by a permit that
// is settled, and by a cancel among turns that were handed out already.

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
)

func TestACancelGivesBackAllThatKeepsTheBound(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		burst, first int
		later        []int
		back         float64
	}{
		{20, 10, nil, 10},
		{20, 10, []int{2}, 10},       // room enough beside it
		{20, 10, []int{15}, 5},       // at its turn these two would be 25
		{20, 10, []int{2, 20, 3}, 0}, // a whole burst at one instant already
		{20, 10, []int{2, 11, 3}, 9},
		{1, 1, []int{1}, 0},
	} {
		lim := rate.NewLimiter(1, tc.burst)
		lim.AllowN(now, tc.burst)
		first := lim.ReserveN(now, tc.first)
		var later []*rate.Reservation
		for _, n := range tc.later {
			later = append(later, lim.ReserveN(now, n))
		}
		before := lim.TokensAt(now)
		first.CancelAt(now)
		require.Equal(t, tc.back, lim.TokensAt(now)-before, "%+v", tc)
		for _, r := range later {
			r.CancelAt(now)
		}
		require.Zero(t, lim.TokensAt(now), "%+v", tc)
	}
}

// x/time gives back 8 of 10 here, because 2 were reserved later.
func TestACancelInTheMiddleIsAsIfItHadNeverBeenMade(t *testing.T) {
	now := time.Now()
	lim := rate.NewLimiter(1, 20)
	lim.ReserveN(now, 15)
	middle := lim.ReserveN(now, 10)
	lim.ReserveN(now, 2)
	middle.CancelAt(now)
	require.Equal(t, 3.0, lim.TokensAt(now))
}

func TestAReservationCancelledAfterAChangeOfTheLimit(t *testing.T) {
	now := time.Now()
	for _, limit := range []rate.Limit{0, 0.1, 10, rate.Inf} {
		lim := rate.NewLimiter(1, 10)
		lim.AllowN(now, 10)
		r := lim.ReserveN(now, 5)
		lim.SetLimitAt(now, limit)
		r.CancelAt(now)
		r.CancelAt(now)
		require.Zero(t, lim.TokensAt(now), "%v", limit)
	}
}

func TestACancelAtTheTurnStillCountsAndAfterItDoesNot(t *testing.T) {
	now := time.Now()
	for late, want := range map[time.Duration]float64{0: 5, time.Nanosecond: 0} {
		lim := rate.NewLimiter(1, 5)
		lim.AllowN(now, 5)
		r := lim.ReserveN(now, 5)
		turn := now.Add(5*time.Second + late)
		r.CancelAt(turn)
		require.InDelta(t, want, lim.TokensAt(turn), 1e-6)
	}
}

func TestARefundIsWhatWouldBeThereNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take := func(lim *rate.Limiter, n int64) limiter.Permit {
			p, err := lim.TryTake(n)
			require.NoError(t, err)
			return p
		}
		lim := rate.NewLimiter(1, 10)
		p := take(lim, 5)
		time.Sleep(5 * time.Second) // full again
		q := take(lim, 10)
		p.Settle(0)
		require.Zero(t, lim.Tokens(), "it would have been lost, as the bucket was full")
		q.Settle(3)
		require.Equal(t, 7.0, lim.Tokens())
		q.Settle(0)
		q.Release()
		p.Release()
		require.Equal(t, 10.0, lim.Tokens())

		lim = rate.NewLimiter(1, 10)
		p = take(lim, 6)
		q = take(lim, 4)
		p.Settle(2)
		require.Equal(t, 4.0, lim.Tokens(), "q found 4 only, and would have found 8")
		p.Settle(0)
		require.Equal(t, 6.0, lim.Tokens())
		q.Release()
		q.Settle(0)
		require.Equal(t, 6.0, lim.Tokens(), "a released permit changes nothing")
		p.Release()

		lim = rate.NewLimiter(1, 10)
		p, q = take(lim, 4), take(lim, 4)
		time.Sleep(6 * time.Second)
		take(lim, 8).Release()
		p.Settle(0)
		q.Settle(0)
		require.Equal(t, 2.0, lim.Tokens(), "together they come back once: the third would have found a full bucket")
	})
}

func TestWithoutALimitACostChangesNothing(t *testing.T) {
	lim := rate.NewLimiter(rate.Inf, 10)
	p, err := lim.Take(t.Context(), 5)
	require.NoError(t, err)
	p.Settle(1 << 40)
	p.Settle(0)
	require.Equal(t, 10.0, lim.Tokens())
	lim.SetLimit(0)
	p.Settle(3)
	p.Settle(0)
	p.Release()
	require.LessOrEqual(t, lim.Tokens(), 10.0)
	require.EqualValues(t, 5, lim.Stats().Total)
}

func TestPermitsThatNobodyReleasesCostNoMoreThanSomeMemory(t *testing.T) {
	lim := rate.NewLimiter(0, 1<<30)
	first, err := lim.TryTake(7)
	require.NoError(t, err)
	before := heap()
	for range 100_000 {
		_, err := lim.TryTake(1)
		require.NoError(t, err)
	}
	require.Less(t, heap()-before, int64(2<<20))
	tokens := lim.Tokens()
	first.Settle(0)
	require.Equal(t, tokens, lim.Tokens(), "too many came later to know")
	first.Release()
}

func TestABookingIsRefusedWithTheWaitThatItWouldBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := drained(1, 10)
		for patience, reason := range map[time.Duration]error{
			0: limiter.ErrLimited, -1: limiter.ErrLimited, 5*time.Second - 1: limiter.ErrTooLate,
		} {
			_, _, err := lim.Book(5, patience)
			var refused *limiter.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, limiter.RefusedError{Reason: reason, RetryAfter: 5 * time.Second}, *refused)
		}
		_, _, err := lim.Book(11, math.MaxInt64)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
		require.Zero(t, lim.Tokens())

		p, wait, err := lim.Book(5, 5*time.Second)
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, wait)
		p.Settle(2)
		require.Equal(t, -2.0, lim.Tokens())
		p.Settle(0)
		p.Release()
		require.Zero(t, lim.Tokens())

		p, _, err = lim.Book(4, time.Minute)
		require.NoError(t, err)
		p.Release() // what is taken stays taken
		require.Equal(t, -4.0, lim.Tokens())
		time.Sleep(5 * time.Second)
		require.Equal(t, 1.0, lim.Tokens())
	})
}

// spender does random things, and knows what was used in the end.
type spender struct {
	t      *testing.T
	lim    *rate.Limiter
	burst  int
	random *rand.Rand
	epoch  time.Time
	all    sync.WaitGroup

	mu   sync.Mutex
	uses []*use
}

func (s *spender) use(n int64, wait time.Duration) *use {
	u := &use{time.Since(s.epoch) + wait, int(n)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses = append(s.uses, u)
	return u
}

// settle ends a permit some time later, maybe for less.
func (s *spender) settle(p limiter.Permit, u *use) {
	pause := time.Duration(s.random.ExpFloat64() * float64(3*time.Second))
	is := min(u.n, s.random.IntN(s.burst+1))
	s.all.Go(func() {
		time.Sleep(pause)
		p.Settle(int64(is))
		p.Release()
		s.mu.Lock()
		defer s.mu.Unlock()
		u.n = is
	})
}

func (s *spender) step() {
	n := int64(s.random.IntN(s.burst + 1))
	patience := time.Duration(s.random.ExpFloat64() * float64(4*time.Second))
	switch s.random.IntN(6) {
	case 0:
		if s.lim.AllowN(time.Now(), int(n)) {
			s.use(n, 0)
		}
	case 1:
		if p, err := s.lim.TryTake(n); err == nil {
			s.settle(p, s.use(n, 0))
		}
	case 2:
		if p, wait, err := s.lim.Book(n, patience); err == nil {
			u := s.use(n, wait)
			if s.random.IntN(2) == 0 {
				s.settle(p, u)
			}
		}
	case 3:
		if r := s.lim.ReserveN(time.Now(), int(n)); r.OK() {
			u := s.use(n, r.Delay())
			pause := time.Duration(s.random.Float64() * 1.2 * float64(r.Delay()))
			s.all.Go(func() {
				time.Sleep(pause)
				if r.Delay() > 0 {
					r.Cancel()
					s.mu.Lock()
					defer s.mu.Unlock()
					u.n = 0
				}
			})
		}
	default:
		s.all.Go(func() {
			ctx, cancel := context.WithCancel(s.t.Context())
			defer time.AfterFunc(patience, cancel).Stop()
			if s.lim.WaitN(ctx, int(n)) == nil {
				s.use(n, 0)
			}
		})
	}
}

// The bound holds whatever is given back, of permits and reservations and by
// those who wait no longer: as if what came back had never been taken.
func TestNoSpanOfTimeSeesMoreThanItsShareWhateverIsGivenBack(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) { spend(t, rand.New(rand.NewPCG(seed, 9))) })
	}
}

func FuzzWhatIsGivenBack(f *testing.F) {
	for seed := range uint64(3) {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		synctest.Test(t, func(t *testing.T) { spend(t, rand.New(rand.NewPCG(a, b))) })
	})
}

func spend(t *testing.T, random *rand.Rand) {
	perSecond := math.Exp(random.Float64()*4 - 2)
	burst := 1 + random.IntN(12)
	lim := rate.NewLimiter(rate.Limit(perSecond), burst)
	s := &spender{t: t, lim: lim, burst: burst, random: random, epoch: time.Now()}
	for range 60 {
		s.step()
		synctest.Wait()
		if random.IntN(3) > 0 {
			time.Sleep(time.Duration(random.ExpFloat64() / perSecond * 1e9))
			synctest.Wait()
		}
	}
	s.all.Wait()
	var uses []use
	for _, u := range s.uses {
		uses = append(uses, *u)
	}
	requireBound(t, uses, perSecond, burst)
}

// Settles of one permit that meet may come in another order than the permit saw
// them: a refund before the charge that it is of.
func TestSettlesInAnyOrderAddUp(t *testing.T) {
	steps := [][2]int64{{10, 90}, {90, 0}, {0, 70}, {70, 5}}
	for seed := range uint64(100) {
		lim := rate.NewLimiter(0, 1000)
		granted := rate.Grant(lim, 10)
		for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(len(steps)) {
			granted.Settle(steps[i][0], steps[i][1])
		}
		require.EqualValues(t, 995, lim.Tokens(), "seed %d", seed)
		granted.Settle(5, 0)
		require.EqualValues(t, 1000, lim.Tokens(), "seed %d", seed)
		granted.Release(0)
	}
}

func TestSettlesThatMeetAddUp(t *testing.T) {
	lim := rate.NewLimiter(0, 1<<30)
	for range 2000 {
		before := lim.Tokens()
		p, err := lim.TryTake(1000)
		require.NoError(t, err)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { p.Settle(rand.Int64N(2000)) })
		}
		all.Wait()
		p.Settle(5)
		require.Equal(t, before-5, lim.Tokens())
		p.Settle(0)
		require.Equal(t, before, lim.Tokens())
		p.Release()
	}
}
