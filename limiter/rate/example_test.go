package rate_test

// This file shows why one would want each name of the package.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
)

// At most ten a second, three at once: what is too much is refused.
func Example() {
	lim := rate.NewLimiter(rate.Every(100*time.Millisecond), 3)
	for range 4 {
		fmt.Println(lim.Allow())
	}
	// Output:
	// true
	// true
	// true
	// false
}

func ExampleLimiter() {
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	fmt.Println(lim.Allow(), lim.Allow())
	fmt.Println(lim.Stats().Refused)
	// Output:
	// true false
	// 1
}

func ExampleNewLimiter() {
	lim := rate.NewLimiter(100, 20) // 100 a second, 20 at once
	fmt.Println(lim.Limit(), lim.Burst(), lim.Tokens())
	// Output: 100 20 20
}

func ExampleLimit() {
	perMinute := rate.Limit(30.0 / 60)
	fmt.Println(perMinute, rate.Limit(0) < perMinute, perMinute < rate.Inf)
	// Output: 0.5 true true
}

func ExampleEvery() {
	fmt.Println(rate.Every(20 * time.Millisecond))
	// Output: 50
}

func ExampleLimiter_Allow() {
	lim := rate.NewLimiter(rate.Every(time.Minute), 1)
	if lim.Allow() {
		fmt.Println("logged")
	}
	if !lim.Allow() {
		fmt.Println("dropped") // a log line a minute is enough
	}
	// Output:
	// logged
	// dropped
}

func ExampleLimiter_AllowN() {
	bytes := rate.NewLimiter(1<<20, 1<<20) // a MiB a second
	now := time.Now()
	fmt.Println(bytes.AllowN(now, 1<<20), bytes.AllowN(now, 1))
	fmt.Println(bytes.AllowN(now.Add(time.Second/2), 1<<19))
	// Output:
	// true false
	// true
}

// A turn that comes too late is known at once: nobody waits for nothing.
func ExampleLimiter_Wait() {
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	fmt.Println(lim.Wait(ctx))
	err := lim.Wait(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// <nil>
	// true
}

func ExampleLimiter_WaitN() {
	lim := rate.NewLimiter(1, 10)
	err := lim.WaitN(context.Background(), 11) // could never be had
	fmt.Println(errors.Is(err, rate.ErrTooLarge), err)
	// Output: true limiter: request larger than the limit
}

// What a call costs is often known only afterwards.
func ExampleLimiter_Take() {
	tokens := rate.NewLimiter(1000, 5000) // of a language model, a second
	permit, err := tokens.Take(context.Background(), 3000)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer permit.Release()
	permit.Settle(1200) // what the answer came to
	_, remaining, _, _ := tokens.Quota()
	fmt.Println(remaining >= 3800)
	// Output: true
}

// Who is refused is told when to come back.
func ExampleLimiter_TryTake() {
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	permit, _ := lim.TryTake(1)
	defer permit.Release()

	_, err := lim.TryTake(1)
	var refused *limiter.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(errors.Is(err, limiter.ErrLimited), refused.RetryAfter.Round(time.Minute))
	}
	// Output: true 1h0m0s
}

// Takes from two rates, or from none.
func ExampleLimiter_Book() {
	user, all := rate.NewLimiter(rate.Every(time.Hour), 1), rate.NewLimiter(100, 100)
	user.Allow()

	first, _, _ := all.Book(1, time.Minute)
	_, _, err := user.Book(1, time.Minute)
	if err != nil {
		first.Settle(0) // as if it had never been taken
		first.Release()
	}
	fmt.Println(errors.Is(err, limiter.ErrTooLate), all.Tokens())
	// Output: true 100
}

func ExampleLimiter_Quota() {
	lim := rate.NewLimiter(10, 50)
	limit, remaining, window, reset := lim.Quota()
	fmt.Println(limit, remaining, window, reset)
	// Output: 50 50 5s 0s
}

func ExampleNewHighRate() {
	lim := rate.NewHighRate(1e6, 1000)
	sent := 0
	for range 1000 {
		if lim.Allow() { // a few nanoseconds
			sent++
		}
	}
	fmt.Println(sent)
	// Output: 1000
}

func ExampleLimiter_Reserve() {
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	fmt.Println(lim.Reserve().Delay())
	fmt.Println(lim.Reserve().Delay().Round(time.Minute)) // when to come back
	// Output:
	// 0s
	// 1h0m0s
}

func ExampleLimiter_ReserveN() {
	now := time.Now()
	lim := rate.NewLimiter(2, 4)
	lim.AllowN(now, 4)
	fmt.Println(lim.ReserveN(now, 3).DelayFrom(now))
	fmt.Println(lim.ReserveN(now, 5).OK())
	// Output:
	// 1.5s
	// false
}

// Who does not want to wait that long gives the tokens back.
func ExampleReservation() {
	now := time.Now()
	lim := rate.NewLimiter(1, 1)
	lim.AllowN(now, 1)
	if r := lim.ReserveN(now, 1); r.DelayFrom(now) > 100*time.Millisecond {
		r.CancelAt(now)
	}
	fmt.Println(lim.TokensAt(now))
	// Output: 0
}

func ExampleReservation_OK() {
	fmt.Println(rate.NewLimiter(1, 0).Reserve().OK()) // a burst of zero allows nothing
	// Output: false
}

func ExampleReservation_Delay() {
	r := rate.NewLimiter(1, 1).Reserve()
	time.Sleep(r.Delay()) // none: there was a token
	fmt.Println("go")
	// Output: go
}

func ExampleReservation_DelayFrom() {
	now := time.Now()
	lim := rate.NewLimiter(10, 1)
	lim.AllowN(now, 1)
	r := lim.ReserveN(now, 1)
	fmt.Println(r.DelayFrom(now), r.DelayFrom(now.Add(60*time.Millisecond)))
	// Output: 100ms 40ms
}

func ExampleReservation_Cancel() {
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	lim.Allow()
	r := lim.Reserve()
	r.Cancel()
	r.Cancel() // the second changes nothing
	fmt.Println(lim.Reserve().Delay() <= time.Hour)
	// Output: true
}

func ExampleReservation_CancelAt() {
	now := time.Now()
	lim := rate.NewLimiter(1, 5)
	r := lim.ReserveN(now, 5)
	r.CancelAt(now)
	fmt.Println(lim.TokensAt(now))
	// Output: 5
}

func ExampleLimiter_SetLimit() {
	lim := rate.NewLimiter(0, 1) // closed after the first
	fmt.Println(lim.Allow(), lim.Allow())
	lim.SetLimit(rate.Inf) // open
	fmt.Println(lim.Allow())
	// Output:
	// true false
	// true
}

func ExampleLimiter_SetLimitAt() {
	now := time.Now()
	lim := rate.NewLimiter(1, 10)
	lim.AllowN(now, 10)
	now = now.Add(2 * time.Second)
	lim.SetLimitAt(now, 5) // the two tokens gained so far stay
	fmt.Println(lim.TokensAt(now.Add(time.Second)))
	// Output: 7
}

func ExampleLimiter_SetBurst() {
	lim := rate.NewLimiter(0, 10)
	lim.SetBurst(4) // what is above is lost
	fmt.Println(lim.Tokens())
	// Output: 4
}

func ExampleLimiter_SetBurstAt() {
	now := time.Now()
	lim := rate.NewLimiter(1, 1)
	lim.SetBurstAt(now, 3)
	fmt.Println(lim.TokensAt(now), lim.TokensAt(now.Add(time.Hour)))
	// Output: 1 3
}

func ExampleLimiter_Limit() {
	fmt.Println(rate.NewLimiter(rate.Every(time.Second/4), 1).Limit())
	// Output: 4
}

func ExampleLimiter_Burst() {
	fmt.Println(rate.NewLimiter(4, 8).Burst())
	// Output: 8
}

func ExampleLimiter_Tokens() {
	lim := rate.NewLimiter(0, 3)
	lim.Allow()
	fmt.Println(lim.Tokens())
	// Output: 2
}

func ExampleLimiter_TokensAt() {
	now := time.Now()
	lim := rate.NewLimiter(2, 10)
	lim.ReserveN(now, 10)
	lim.ReserveN(now, 4) // in advance: below zero
	fmt.Println(lim.TokensAt(now), lim.TokensAt(now.Add(3*time.Second)))
	// Output: -4 2
}

func ExampleLimiter_Stats() {
	lim := rate.NewLimiter(0, 2)
	for range 5 {
		lim.Allow()
	}
	s := lim.Stats()
	fmt.Println(s.Total, s.Refused)
	// Output: 2 3
}

func ExampleSometimes() {
	warn := rate.Sometimes{First: 2, Every: 5}
	for i := range 12 {
		warn.Do(func() { fmt.Print(i, " ") })
	}
	// Output: 0 1 5 10
}

func ExampleSometimes_Do() {
	var once rate.Sometimes // the zero value: the first call only
	for range 3 {
		once.Do(func() { fmt.Println("deprecated") })
	}
	// Output: deprecated
}
