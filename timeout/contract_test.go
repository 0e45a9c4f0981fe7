package timeout_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/timeout"
)

func TestContract(t *testing.T) {
	var none context.Context
	var wg timeout.WaitGroup // for misuse
	timer := timeout.Timer{Func: func() {}}
	intact := func() error { return wg.WaitContext(context.Background()) }
	contract.Run(t, contract.Table{
		Calls: append(runCalls(), []contract.Call{
			{Name: "WaitGroup.Wait", Kind: contract.Plain, New: func() contract.Subject {
				return group(func(wg *timeout.WaitGroup, _ context.Context) error { wg.Wait(); return nil })
			}},
			{Name: "WaitGroup.WaitContext", Kind: contract.Collect, New: func() contract.Subject {
				return group((*timeout.WaitGroup).WaitContext)
			}},
			{Name: "WaitGroup.WaitTimeout", Kind: contract.Plain, New: func() contract.Subject {
				return group(func(wg *timeout.WaitGroup, _ context.Context) error { wg.WaitTimeout(time.Hour); return nil })
			}},
			{Name: "Wait", Kind: contract.Plain, New: standardGroup},
			{Name: "Timer.StopWait", Kind: contract.Plain, New: firedTimer},
			{Name: "Ticker.Wait", Kind: contract.Acquire, KnowsTurn: true, New: func() contract.Subject {
				return ticking((*timeout.Ticker).Wait)
			}},
			{Name: "Ticker.Ticks", Kind: contract.Serve, New: func() contract.Subject {
				return ticking(func(ticker *timeout.Ticker, ctx context.Context) error {
					for range ticker.Ticks(ctx) {
					}
					return nil
				})
			}},
		}...),
		Misuses: append(runMisuses(), []contract.Misuse{
			{Name: "Done too often", Text: "timeout: negative WaitGroup counter", Do: wg.Done, Intact: intact},
			{Name: "Go of nil", Text: "timeout: Go of a nil function", Do: func() { wg.Go(nil) }, Intact: intact},
			{Name: "GoNamed of nil", Text: "timeout: Go of a nil function", Do: func() { wg.GoNamed("x", nil) }, Intact: intact},
			{Name: "TryAdd of none", Text: "timeout: TryAdd of less than one task", Do: func() { wg.TryAdd(0) }, Intact: intact},
			{Name: "C of a Timer with a Func", Text: "timeout: C of a Timer with a Func", Do: func() { timer.C() }},
			{Name: "a Ticker without a period", Text: "timeout: Ticker with a period that is not positive", Do: func() { _ = new(timeout.Ticker).Wait(t.Context()) }},
			{Name: "a Jitter that is too long", Text: "timeout: Ticker with a Jitter of more than its period", Do: func() { (&timeout.Ticker{Every: 1, Jitter: 2}).Ticks(t.Context()) }},
			{Name: "Ticker.Wait with nil", Text: "timeout: Ticker with a nil context", Do: func() { _ = (&timeout.Ticker{Every: 1}).Wait(none) }},
			{Name: "a Watchdog without Idle", Text: "timeout: Watchdog with an Idle that is not positive", Do: func() { (&timeout.Watchdog{Func: func() {}}).Start() }},
			{Name: "a Watchdog without Func", Text: "timeout: Watchdog without a Func", Do: func() { (&timeout.Watchdog{Idle: 1}).Start() }},
			{Name: "End too often", Text: "timeout: End without Begin", Do: new(timeout.Watchdog).End},
			{Name: "Wait of nil", Text: "timeout: Wait of a nil WaitGroup", Do: func() { timeout.Wait(nil, 0) }},
		}...),
		Exempt: map[string]string{
			"Timer.Stop":        "waits for nothing",
			"WaitGroup.Go":      "starts a task and never blocks",
			"WaitGroup.GoNamed": "starts a task and never blocks",
			"WaitGroup.Close":   "ends no task and waits for none",
			"Watchdog.Stop":     "does not wait for Func",
		},
	})
}

// group blocks by a task that has not ended.
func group(wait func(*timeout.WaitGroup, context.Context) error) contract.Subject {
	wg := new(timeout.WaitGroup)
	return contract.Subject{
		Do:    func(ctx context.Context) error { return wait(wg, ctx) },
		Block: func() { wg.Add(1) },
		Free:  wg.Done,
		For:   func(d time.Duration) bool { return !wg.WaitTimeout(d) },
	}
}

// standardGroup makes a new sync.WaitGroup for each round: after a wait that
// timed out the last one must not be used again, and no sync.WaitGroup may
// cross a bubble's border while it counts.
func standardGroup() contract.Subject {
	wg := new(sync.WaitGroup)
	return contract.Subject{
		Do:    func(context.Context) error { timeout.Wait(wg, time.Hour); return nil },
		Block: func() { wg = new(sync.WaitGroup); wg.Add(1) },
		Free:  func() { wg.Done() },
		For:   func(d time.Duration) bool { return !timeout.Wait(wg, d) },
	}
}

// firedTimer blocks a StopWait by a Func that has been called and does not
// return.
func firedTimer() contract.Subject {
	type call struct{ begun, free chan struct{} }
	var current atomic.Pointer[call]
	timer := timeout.Timer{Func: func() {
		c := current.Load()
		close(c.begun)
		<-c.free
	}}
	return contract.Subject{
		Do: func(context.Context) error { timer.StopWait(); return nil },
		Block: func() {
			c := &call{make(chan struct{}), make(chan struct{})}
			current.Store(c)
			timer.Reset(0)
			<-c.begun
		},
		Free: func() { close(current.Load().free); timer.StopWait() },
	}
}

// ticking always has to wait for the next tick.
func ticking(wait func(*timeout.Ticker, context.Context) error) contract.Subject {
	ticker := &timeout.Ticker{Every: 2 * time.Hour}
	return contract.Subject{
		Do:   func(ctx context.Context) error { return wait(ticker, ctx) },
		Free: func() { time.Sleep(2 * time.Hour) },
	}
}
