package timeout_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/timeout"
)

func TestContract(t *testing.T) {
	var wg timeout.WaitGroup // for misuse
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
		}...),
		Misuses: append(runMisuses(), []contract.Misuse{
			{Name: "Done too often", Text: "timeout: negative WaitGroup counter", Do: wg.Done, Intact: intact},
			{Name: "Go of nil", Text: "timeout: Go of a nil function", Do: func() { wg.Go(nil) }, Intact: intact},
			{Name: "Wait of nil", Text: "timeout: Wait of a nil WaitGroup", Do: func() { timeout.Wait(nil, 0) }},
		}...),
		Exempt: map[string]string{
			"WaitGroup.Go": "starts a task and never blocks",
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
