package contract

// This file checks rules 2, 3, 4 and 6: what a cancel and a deadline do to a call.

import (
	"context"
	"errors"
	"fmt"
	"testing/synctest"
	"time"
)

func doneLoses(c Call) error {
	for _, e := range endings {
		s := c.New()
		ctx, end := e.make()
		end()
		if err := s.Do(ctx); err == nil {
			return fmt.Errorf("%s: succeeded with a context that was done", e.name)
		} else if err := hasBoth(err, e, c.Twin); err != nil {
			return err
		}
		if n := s.taken(); n != 0 {
			return fmt.Errorf("%s: failed, yet holds %d", e.name, n)
		}
		if err := s.Do(context.Background()); err != nil {
			return fmt.Errorf("%s: the next call failed: %w", e.name, err)
		}
		s.undo()
		s.close()
	}
	return nil
}

func resultWins(c Call) error {
	for _, e := range endings {
		s := c.New()
		ctx, end := e.make()
		end()
		if err := s.Do(ctx); err != nil {
			return fmt.Errorf("%s: the result was there, and yet: %w", e.name, err)
		}
		s.close()
	}
	return nil
}

func saysBoth(c Call) error {
	for _, e := range endings {
		if c.KnowsTurn && errors.Is(e.err, context.DeadlineExceeded) {
			continue // fails before the deadline: see failsAtOnce
		}
		s := c.New()
		s.block()
		ctx, end := e.make()
		p := start(func() error { return s.Do(ctx) })
		if p.returned() {
			return fmt.Errorf("%s: did not wait: %v", e.name, p.err)
		}
		end()
		if !p.returned() {
			s.free()
			return fmt.Errorf("%s: still waits after its context ended", e.name)
		}
		if p.err == nil {
			return fmt.Errorf("%s: succeeded without what it waited for", e.name)
		}
		if err := hasBoth(p.err, e, c.Twin); err != nil {
			return err
		}
		if n := s.taken(); n != 0 {
			return fmt.Errorf("%s: gave up, yet holds %d", e.name, n)
		}
		s.free()
		s.close()
	}
	return nil
}

// hasBoth holds an error against rule 4.
func hasBoth(err error, e ending, twin bool) error {
	switch {
	case twin && err != e.err:
		return fmt.Errorf("%s: a drop-in twin must return ctx.Err() itself, not %#v", e.name, err)
	case twin:
		return nil
	case !errors.Is(err, e.err):
		return fmt.Errorf("%s: errors.Is(err, ctx.Err()) is false for %q", e.name, err)
	case !errors.Is(err, e.cause):
		return fmt.Errorf("%s: errors.Is(err, context.Cause(ctx)) is false for %q", e.name, err)
	}
	var timeout interface{ Timeout() bool }
	is := errors.As(err, &timeout) && timeout.Timeout()
	if want := e.err == context.DeadlineExceeded; is != want {
		return fmt.Errorf("%s: Timeout() is %v for %q", e.name, is, err)
	}
	return nil
}

// grantOrCancel lets grants and cancels meet: afterwards what is held is
// exactly what was granted, and the next caller is served.
func grantOrCancel(c Call) error {
	for round := range 100 {
		if err := meet(c, round); err != nil {
			return err
		}
	}
	return nil
}

func meet(c Call, round int) error {
	s := c.New()
	defer s.close()
	s.block()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var calls []*pending
	for range 4 {
		calls = append(calls, start(func() error {
			err := s.Do(ctx)
			if err == nil {
				s.undo()
			}
			return err
		}))
	}
	synctest.Wait()
	switch round % 3 { // the first caller is woken by both at once
	case 0:
		cancel()
		s.free()
	case 1:
		s.free()
		cancel()
	case 2:
		canceller := start(func() error { cancel(); return nil })
		s.free()
		<-canceller.done
	}
	for _, p := range calls {
		if !p.returned() {
			return errors.New("a call still waits after grant and cancel")
		}
		if p.err != nil && !errors.Is(p.err, context.Canceled) {
			return fmt.Errorf("neither granted nor cancelled: %w", p.err)
		}
	}
	if n := s.taken(); n != 0 {
		return fmt.Errorf("%d held after every grant was given back", n)
	}
	patient, stop := context.WithCancel(context.Background())
	defer stop()
	next := start(func() error { return s.Do(patient) })
	time.Sleep(longest)
	if !next.returned() || next.err != nil {
		return errors.New("a grant was lost: the next caller is not served")
	}
	s.undo()
	return nil
}

// longest is more than any subject's own wait takes.
const longest = 24 * time.Hour

func failsAtOnce(c Call) error {
	s := c.New()
	s.block()
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	began := time.Now()
	p := start(func() error { return s.Do(ctx) })
	if !p.returned() {
		time.Sleep(longest)
		return errors.New("waits although its deadline comes before its turn")
	}
	switch {
	case !time.Now().Equal(began):
		return errors.New("let time pass before it failed")
	case !errors.Is(p.err, context.DeadlineExceeded):
		return fmt.Errorf("errors.Is(err, DeadlineExceeded) is false for %v", p.err)
	case s.taken() != 0:
		return errors.New("failed, yet holds something")
	}
	s.free()
	s.close()
	return nil
}
