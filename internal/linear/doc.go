// Package linear checks that limits are linearizable: that whatever goroutines
// did at the same time can be put into one order, in which each call took its
// effect at one moment between its beginning and its end, and in which a limit
// without any concurrency would have answered the same.
//
// The tests record short histories of real concurrency, many of them, on one,
// two and eight processors, and have porcupine look for such an order. What is
// checked:
//
//   - semaphore.Weighted: Acquire, also with a context that ends meanwhile,
//     TryAcquire, TryAcquireUpTo, Release, Resize, Take, TryTake, and permits
//     released twice. No call was granted what was not free; a call that failed
//     took nothing; where nobody waits, a refusal was due. (Where somebody does,
//     units may be on their way to a call that gives them back, as its context
//     ended at the same moment: others then find less than there is.)
//   - pool.Pool: Get, also with a context that ends meanwhile, Release, Discard,
//     Take, TryTake, each end of a loan twice. Nobody was lent what another had or
//     what was broken, and no more was out than may be.
//   - rate.Limiter: AllowN, SetLimitAt and SetBurstAt with times that callers
//     hand in, older ones too. Each verdict is that of a bucket which never goes
//     back in time.
//
// What is not: who comes first in a line, as an order of calls can't tell it
// (package semaphore's own model does); waits of a rate, which take time; and
// nothing that only more operations at a time than a history has would show.
//
// For each fault that a check is there for, one limit with that fault is run
// through it, and has to be found out.
package linear

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// Program is what one goroutine does: calls one after the other. Each returns
// what was asked and what was answered, for the model.
type Program func(random *rand.Rand, record func(call func() (input, output any)))

// Record runs goroutines with the same program at the same time and returns
// what they did. Calls are stamped by one counter, so that a call which ended
// before another began is before it in the history.
func Record(seed uint64, goroutines int, program Program) []porcupine.Operation {
	var clock atomic.Int64
	var together sync.WaitGroup
	histories := make([][]porcupine.Operation, goroutines)
	begin := make(chan struct{})
	for i := range goroutines {
		together.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			<-begin
			program(random, func(call func() (input, output any)) {
				op := porcupine.Operation{ClientId: i, Call: clock.Add(1)}
				op.Input, op.Output = call()
				op.Return = clock.Add(1)
				histories[i] = append(histories[i], op)
				if random.IntN(3) == 0 {
					runtime.Gosched() // few cores: let others in
				}
			})
		})
	}
	close(begin)
	together.Wait()
	var all []porcupine.Operation
	for _, h := range histories {
		all = append(all, h...)
	}
	return all
}

// patience bounds the search through one history.
const patience = time.Minute

// Explained reports whether the model can explain a history. One that takes longer
// than that to search is not explained: none that the tests record comes near it.
func Explained(model porcupine.Model, history []porcupine.Operation) bool {
	return porcupine.CheckOperationsTimeout(model, history, patience) == porcupine.Ok
}
