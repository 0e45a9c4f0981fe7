package contract

// This file checks the calls that return a derived context, and misuse.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// DeriveRule is the name of the rule that CheckDerive checks.
const DeriveRule = "5: a derived context ends with its parent's cause or a plain Canceled, and leaves nothing"

// CheckDerive says what is wrong with a derived context, or nil.
func CheckDerive(t *testing.T, d Derive) error {
	return bubble(func(Call) error { return derive(d) })(t, Call{})
}

func derive(d Derive) error {
	before := goroutines()
	for range 2 * strangers {
		if err := deriveOnce(d); err != nil {
			return err
		}
	}
	if n := goroutines() - before; n >= strangers {
		time.Sleep(longest) // lets those end that a clock ends
		return fmt.Errorf("%d goroutines left", n)
	}
	return nil
}

func deriveOnce(d Derive) error {
	parent, cancel := context.WithCancelCause(context.Background())
	ctx, end := d.New(parent)
	cancel(errWhy)
	if synctest.Wait(); ctx.Err() != context.Canceled || context.Cause(ctx) != errWhy {
		return fmt.Errorf("after its parent: %v, cause %v", ctx.Err(), context.Cause(ctx))
	}
	end()
	if context.Cause(ctx) != errWhy {
		return fmt.Errorf("a later end replaced the cause by %v", context.Cause(ctx))
	}

	ctx, end = d.New(context.Background())
	if ctx.Err() != nil {
		return fmt.Errorf("born done: %w", ctx.Err())
	}
	end()
	if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
		return fmt.Errorf("after a plain end: %v, cause %v", ctx.Err(), context.Cause(ctx))
	}
	return nil
}

// CheckMisuse says what is wrong with the answer to a misuse, or nil (rule 12).
func CheckMisuse(m Misuse) error {
	got, panicked := panicText(m.Do)
	switch {
	case !panicked:
		return errors.New("did not panic")
	case got != m.Text:
		return fmt.Errorf("panicked with %q, not %q", got, m.Text)
	case m.Intact != nil:
		return m.Intact()
	}
	return nil
}

func panicText(f func()) (text string, panicked bool) {
	defer func() {
		if v := recover(); v != nil {
			text, panicked = fmt.Sprint(v), true
		}
	}()
	f()
	return "", false
}
