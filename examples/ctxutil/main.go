// Ctxutil gives a request and what it calls their times: a deadline that only
// shrinks and says its name, a reserve to answer in, an end with the process, and
// a short life after the request for what has to be written down.
//
// Look at the causes: each line says which of the limits it was.
//
// It prints:
//
//	shrink: ctxutil: price service: timed out after ..., limit 20ms
//	shrink can't extend: it ends with the request: true
//	budget: found something: true <nil> and has time to say so: true
//	budget: not worth it below 300ms
//	merge: the process stops
//	detach: the record can be written: <nil> although context canceled
//	detach: ctxutil: grace: timed out after ..., limit 100ms, after: context canceled
//	in one line for a log: context deadline exceeded: ctxutil: grace: ...
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// call stands for whatever takes a context, and hangs.
func call(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// search leaves time to say what it has found so far, or says no at once.
func search(ctx context.Context) (found int, err error) {
	const reply, least = 200 * time.Millisecond, 100 * time.Millisecond
	ctx, cancel, err := ctxutil.Budget(ctx, reply, least)
	defer cancel()
	if err != nil {
		return 0, err // what could be found in so little time isn't worth the work
	}
	for ctxutil.Sleep(ctx, 10*time.Millisecond) == nil { // one more shard
		found++
	}
	return found, nil
}

func main() {
	request, finish := context.WithTimeout(context.Background(), time.Minute)
	defer finish()

	ctx, cancel := ctxutil.ShrinkNamed(request, "price service", 20*time.Millisecond)
	fmt.Println("shrink:", call(ctx))
	cancel()
	ctx, cancel = ctxutil.Shrink(request, time.Hour)
	deadline, _ := ctx.Deadline()
	end, _ := request.Deadline()
	fmt.Println("shrink can't extend: it ends with the request:", deadline.Equal(end))
	cancel()

	short, cancel := ctxutil.Shrink(request, 400*time.Millisecond)
	found, err := search(short)
	fmt.Println("budget: found something:", found > 0, err, "and has time to say so:", short.Err() == nil)
	cancel()
	short, cancel = ctxutil.Shrink(request, 250*time.Millisecond)
	_, err = search(short)
	tooShort, _ := errors.AsType[*ctxutil.TimeoutError](err)
	fmt.Println("budget: not worth it below", tooShort.RetryAfter)
	cancel()

	process, stop := context.WithCancelCause(context.Background())
	both, cancel := ctxutil.Merge(request, process)
	stop(errors.New("the process stops"))
	fmt.Println("merge:", call(both))
	cancel()

	record, cancel := ctxutil.Detach(request, 100*time.Millisecond)
	defer cancel()
	finish() // the client has gone
	fmt.Println("detach: the record can be written:", ctxutil.Sleep(record, time.Millisecond), "although", request.Err())
	fmt.Println("detach:", call(record))
	fmt.Println("in one line for a log:", ctxutil.Why(record))
}
