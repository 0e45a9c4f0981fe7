package contract

// This file checks rule 7 (nothing is left running) and rule 11 (bubble-safe).

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
)

func nothingLeft(c Call) error {
	before := goroutines()
	for range 3 * strangers {
		s := c.New()
		defer s.close() // after the count: ending the subject must not be needed
		once := waitOnce
		if c.Kind == Serve {
			once = serveOnce
		}
		if err := once(c, s); err != nil {
			return err
		}
	}
	if n := goroutines() - before; n >= strangers {
		return fmt.Errorf("%d goroutines left", n)
	}
	return nil
}

// strangers is how many goroutines of the rest of the process may come and go
// during a count; a leak is repeated until it is more than that.
const strangers = 10

func serveOnce(_ Call, s Subject) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := start(func() error { return s.Do(ctx) })
	if p.returned() {
		return fmt.Errorf("ended before its context: %v", p.err)
	}
	cancel()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("its context's end became an error: %w", p.err)
	}
	return nil
}

// waitOnce lets one call wait until it is served, and one until it gives up.
func waitOnce(c Call, s Subject) error {
	if err := served(s, synctest.Wait); err != nil {
		return err
	}
	if err := givesUp(c, s, synctest.Wait); err != nil {
		return err
	}
	s.free()
	return nil
}

func goroutines() int {
	synctest.Wait()
	return runtime.NumGoroutine()
}

// bubbleSafe uses one value in a bubble, outside, in a second bubble and
// outside again; each time a call waits.
func bubbleSafe(t *testing.T, c Call) error {
	s := c.New()
	defer s.close()
	var err error
	inside := func(*testing.T) {
		settle := func() { synctest.Wait() }
		if err == nil {
			err = errors.Join(served(s, settle), givesUp(c, s, settle))
		}
		s.free()
		s.rest()
	}
	outside := func() {
		if err != nil {
			return
		}
		if c.KnowsTurn { // its turn comes with time, and here time is real
			err = givesUp(c, s, runtime.Gosched)
			return
		}
		err = errors.Join(served(s, runtime.Gosched), givesUp(c, s, runtime.Gosched))
		s.free()
		s.rest()
	}
	synctest.Test(t, inside)
	outside()
	synctest.Test(t, inside)
	outside()
	return err
}

func served(s Subject, settle func()) error {
	s.block()
	p := start(func() error { return s.Do(context.Background()) })
	settle()
	s.free()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("not served: %w", p.err)
	}
	s.undo()
	return nil
}

// givesUp leaves the subject blocked.
func givesUp(c Call, s Subject, settle func()) error {
	s.block()
	if c.Kind == Plain {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := start(func() error { return s.Do(ctx) })
	settle()
	cancel()
	<-p.done
	if p.err == nil {
		return errors.New("succeeded without what it waited for")
	}
	return nil
}
