// Rate sends notifications through a provider that allows 200 a second and a
// burst of ten, and bills by the size that it has counted.
//
// Look at the deadline: a send that could not begin in time isn't waited for, it
// fails at once and says when to come back. And at Settle, which puts the
// estimate right once the size is known.
//
// It prints:
//
//	30 sent, in at least 100ms: true
//	too late, known at once: true, a retry makes sense: true
//	tokens left of a thousand: 650
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
)

type sender struct {
	events *rate.Limiter // messages
	bytes  *rate.Limiter // what is billed
}

// send waits for its turn, in the order of the calls, or fails.
func (s *sender) send(ctx context.Context, text string) error {
	if _, err := s.events.Take(ctx, 1); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	_ = text // the call of the provider
	return nil
}

// sendBilled takes an estimate first and pays what it came to.
func (s *sender) sendBilled(estimate int64, deliver func() (cost int64)) error {
	permit, err := s.bytes.TryTake(estimate)
	if err != nil {
		return err
	}
	permit.Settle(deliver()) // the difference comes back, or is owed by those who come next
	return nil
}

func main() {
	ctx := context.Background()
	s := &sender{
		events: rate.NewLimiter(200, 10),
		bytes:  rate.NewLimiter(rate.Every(time.Hour), 1000),
	}

	began := time.Now()
	for i := range 30 { // ten at once, the others one each 5 ms
		if err := s.send(ctx, fmt.Sprintf("message %d", i)); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("30 sent, in at least 100ms:", time.Since(began) > 95*time.Millisecond)

	s.events = rate.NewLimiter(rate.Every(time.Minute), 1) // the provider has asked for mercy
	if err := s.send(ctx, "less urgent"); err != nil {
		fmt.Println(err)
		return
	}
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began = time.Now()
	err := s.send(soon, "urgent")
	var refused *limiter.RefusedError
	fmt.Printf("too late, known at once: %v, a retry makes sense: %v\n",
		errors.Is(err, limiter.ErrTooLate) && time.Since(began) < 4*time.Second,
		errors.As(err, &refused) && refused.RetryAfter > 5*time.Second)

	if err := s.sendBilled(200, func() int64 { return 350 }); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("tokens left of a thousand: %.0f\n", s.bytes.Tokens())
}
