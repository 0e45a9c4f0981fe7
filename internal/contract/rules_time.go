package contract

// This file checks rule 10: durations that have passed, and those that never do.

import (
	"errors"
	"fmt"
	"math"
	"time"
)

func durationPassed(c Call) error {
	for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
		s := c.New()
		s.block()
		began := time.Now()
		p := startFor(s, d)
		if !p.returned() {
			time.Sleep(longest)
			s.free()
			return fmt.Errorf("%v: waits", d)
		}
		if !time.Now().Equal(began) {
			return fmt.Errorf("%v: let time pass", d)
		}
		if p.err == nil {
			return fmt.Errorf("%v: succeeded without what it waits for", d)
		}
		s.free()
		s.close()
	}
	return nil
}

func durationSaturates(c Call) error {
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1} {
		s := c.New()
		s.block()
		p := startFor(s, d)
		time.Sleep(longest)
		if p.returned() {
			return fmt.Errorf("%v passed in a day", d)
		}
		s.free()
		if !p.returned() || p.err != nil {
			return fmt.Errorf("%v: not served once free", d)
		}
		s.undo()
		s.close()
	}
	return nil
}

var errTimedOut = errors.New("contract: timed out")

func startFor(s Subject, d time.Duration) *pending {
	return start(func() error {
		if s.For(d) {
			return nil
		}
		return errTimedOut
	})
}
