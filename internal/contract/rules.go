package contract

// This file is the table of the rules: which calls each applies to, and its
// check. The numbers are those of CONTRACT.md.

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Rule is one rule of the contract that a program can check.
type Rule struct {
	Name    string
	Applies func(Call) bool
	Check   func(*testing.T, Call) error // what is wrong, or nil
}

// Rules are all rules that apply to single calls.
var Rules = []Rule{
	{"2: a done context loses and takes nothing", kinds(Acquire), bubble(doneLoses)},
	{"2: a grant and a cancel together are one or the other", kinds(Acquire), bubble(grantOrCancel)},
	{"3: an available result beats a done context", kinds(Collect), bubble(resultWins)},
	{"4: the error says both what ended the context and why", kinds(Acquire, Collect), bubble(saysBoth)},
	{"6: a wait past the deadline fails at once", func(c Call) bool { return c.KnowsTurn }, bubble(failsAtOnce)},
	{"7: nothing is left running", kinds(Acquire, Collect, Plain, Serve), bubble(nothingLeft)},
	{"10: zero and negative durations have passed", hasDuration, bubble(durationPassed)},
	{"10: the longest duration does not overflow", hasDuration, bubble(durationSaturates)},
	{"11: one value works in a bubble, outside, and in the next bubble", kinds(Acquire, Collect, Plain), bubbleSafe},
}

func kinds(ks ...Kind) func(Call) bool {
	return func(c Call) bool {
		for _, k := range ks {
			if c.Kind == k {
				return true
			}
		}
		return false
	}
}

func hasDuration(c Call) bool {
	s := c.New()
	defer s.close()
	return s.For != nil
}

// bubble runs a check inside a testing/synctest bubble of its own.
func bubble(check func(Call) error) func(*testing.T, Call) error {
	return func(t *testing.T, c Call) (err error) {
		synctest.Test(t, func(*testing.T) { err = check(c) })
		return err
	}
}

var errWhy = errors.New("contract: why the context ended")

// ending is one way for a context to end, and the two errors that then hold.
type ending struct {
	name       string
	make       func() (ctx context.Context, end func())
	err, cause error
}

var endings = []ending{
	{"cancel", func() (context.Context, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		return ctx, cancel
	}, context.Canceled, context.Canceled},
	{"cancel with a cause", func() (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return ctx, func() { cancel(errWhy) }
	}, context.Canceled, errWhy},
	{"deadline", func() (context.Context, func()) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		return ctx, func() { time.Sleep(time.Hour); synctest.Wait(); cancel() }
	}, context.DeadlineExceeded, context.DeadlineExceeded},
	{"deadline with a cause", func() (context.Context, func()) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Hour, errWhy)
		return ctx, func() { time.Sleep(time.Hour); synctest.Wait(); cancel() }
	}, context.DeadlineExceeded, errWhy},
}
