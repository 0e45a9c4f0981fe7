package mistakes

// A time.After in each round of a loop.

import (
	"errors"
	"time"
)

// ConsumeWrong makes a timer for each message, to use one.
func ConsumeWrong(messages <-chan string, idle time.Duration, use func(string)) error {
	for {
		select {
		case m, open := <-messages:
			if !open {
				return nil
			}
			use(m)
		case <-time.After(idle):
			return errors.New("nothing came")
		}
	}
}

// ConsumeRight has one timer, and needs no Stop and no emptying before Reset.
func ConsumeRight(messages <-chan string, idle time.Duration, use func(string)) error {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		timer.Reset(idle)
		select {
		case m, open := <-messages:
			if !open {
				return nil
			}
			use(m)
		case <-timer.C:
			return errors.New("nothing came")
		}
	}
}
