// Package misses defers once, or for things that live until the function ends.
package misses

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

func try(context.Context) error { return nil }

func get(context.Context) (*int, error) { return nil, nil }

func start(context.Context) error { return nil }

// It never comes to a second round.
func returns(ctx context.Context, in <-chan int, mu *sync.Mutex) error {
	for v := range in {
		if v < 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return try(ctx)
	}
	for {
		mu.Lock()
		defer mu.Unlock()
		break
	}
	return nil
}

// The function of the round ends with the round.
func ownFunction(ctx context.Context, in <-chan int, mu *sync.Mutex) {
	for range in {
		func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			mu.Lock()
			defer mu.Unlock()
			_ = try(ctx)
		}()
	}
}

type account struct {
	mu  sync.Mutex
	sem *semaphore.Weighted
}

// It takes the locks of all, and means it.
func all(accounts []*account, byName map[string]*account) {
	for _, a := range accounts {
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	for name := range byName {
		byName[name].mu.Lock()
		defer byName[name].mu.Unlock()
	}
	for i := range accounts {
		a := accounts[i]
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	var a *account
	for _, a = range accounts {
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	for i := 0; i < len(accounts); i++ {
		a = accounts[i]
		a.mu.Lock()
		defer a.mu.Unlock()
	}
}

func permits(ctx context.Context, accounts []*account) error {
	for _, a := range accounts {
		if err := a.sem.Acquire(ctx, 1); err != nil {
			return err
		}
		defer a.sem.Release(1)
	}
	return nil
}

// The lock was taken elsewhere.
func elsewhere(mu *sync.Mutex, names []string, lock func()) {
	for range names {
		lock()
		defer mu.Unlock()
	}
}

func fewRounds(ctx context.Context) {
	for range 3 {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = try(ctx)
	}
}

// What it is for goes on when the round has ended.
func goOn(ctx context.Context, names []string, out chan context.Context) {
	var all []context.Context
	var last context.Context
	for range names {
		ctx1, cancel1 := context.WithTimeout(ctx, time.Second)
		defer cancel1()
		go try(ctx1)

		ctx2, cancel2 := context.WithTimeout(ctx, time.Second)
		defer cancel2()
		func() { _ = try(ctx2) }()

		ctx3, cancel3 := context.WithTimeout(ctx, time.Second)
		defer cancel3()
		all = append(all, ctx3)

		ctx4, cancel4 := context.WithTimeout(ctx, time.Second)
		defer cancel4()
		out <- ctx4

		ctx5, cancel5 := context.WithTimeout(ctx, time.Second)
		defer cancel5()
		last = ctx5

		ctx6, cancel6 := context.WithTimeout(ctx, time.Second)
		defer cancel6()
		_ = start(ctx6)

		ctx7, cancel7 := context.WithCancel(ctx)
		defer cancel7()
		_, _ = get(ctx7)

		ctx8, cancel8 := context.WithTimeout(ctx, time.Second)
		defer cancel8()
		_ = struct{ ctx context.Context }{ctx8}

		ctx9, cancel9 := context.WithTimeout(ctx, time.Second)
		defer cancel9()
		_ = &ctx9

		ctx10, cancel10 := context.WithTimeout(ctx, time.Second)
		defer cancel10()
		defer try(ctx10)
	}
	_ = try(last)
}

func ticker(names []string, f func(<-chan time.Time)) {
	var last *time.Ticker
	for range names {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		last = t
		u := time.NewTimer(time.Second)
		defer u.Stop()
		go f(u.C)
	}
	<-last.C
}

// The variable is one for all rounds.
func outer(ctx context.Context, names []string) {
	var cancel context.CancelFunc
	for range names {
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	}
	_ = try(ctx)
}

// The cancel of something else.
func given(cancels []func()) {
	for _, cancel := range cancels {
		defer cancel()
	}
}

// The lock is taken in the first round that needs it.
func onDemand(mu *sync.Mutex, in <-chan int) {
	locked := false
	for v := range in {
		if v > 0 && !locked {
			mu.Lock()
			defer mu.Unlock()
			locked = true
		}
	}
}

// The rounds set the variable, by a key of the range.
func keys(locks map[*sync.Mutex]bool) {
	var mu *sync.Mutex
	for mu = range locks {
		mu.Lock()
		defer mu.Unlock()
	}
}

// Somebody else has the cancel too.
func handsOn(ctx context.Context, names []string) {
	var last context.CancelFunc
	for range names {
		each, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		last = cancel
		_ = try(each)
	}
	last()
}

// Its timer is one for all rounds, as is its cancel.
func outerTimer(ctx context.Context, names []string) {
	var timer *time.Timer
	var cancel context.CancelFunc
	for range names {
		timer = time.NewTimer(time.Second)
		defer timer.Stop()
		var each context.Context
		each, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = try(each)
	}
}
