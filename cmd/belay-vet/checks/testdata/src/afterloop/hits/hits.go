// Package hits makes a timer in each round, and another case wins most rounds.
package hits

import (
	"context"
	"time"
)

const idle = time.Minute

type server struct{ idle time.Duration }

func constant(in <-chan int) {
	for {
		select {
		case <-in:
		case <-time.After(idle): // want "each round makes a timer and its channel anew .no leak since Go 1.23"
			return
		}
	}
}

func parameter(ctx context.Context, in <-chan int, seconds int) error {
	n := 0
	for {
		n++
		select {
		case <-ctx.Done():
			return ctx.Err()
		case v, ok := <-in:
			if !ok {
				return nil
			}
			n += v
		case now := <-time.After(time.Duration(seconds) * time.Second): // want "each round makes a timer"
			println(now.String(), n)
		}
	}
}

func labelled(in <-chan int, d time.Duration) {
rounds:
	for i := 0; i < 1000; i++ {
	choice:
		select {
		case v := <-in:
			if v == 0 {
				break choice
			}
			break rounds
		case <-time.After(d): // want "each round makes a timer"
			break rounds
		}
	}
}

// The loop may change what the next round waits for: no fix.
func grows(in <-chan int, d time.Duration) {
	for {
		select {
		case <-in:
		case <-time.After(d): // want "each round makes a timer"
			d *= 2
		}
	}
}

// A field is anybody's to set: no fix.
func (s *server) field(in <-chan int) {
	for {
		select {
		case <-in:
		case <-time.After(s.idle): // want "each round makes a timer"
		}
	}
}

// The name is taken: no fix.
func named(in <-chan int, timer int) {
	for range in {
		select {
		case v := <-in:
			timer += v
		case <-time.After(idle): // want "each round makes a timer"
		}
	}
}

// Two would need two names: no fix.
func two(in, out chan int) {
	for {
		select {
		case <-in:
		case <-time.After(idle): // want "each round makes a timer"
		}
		select {
		case out <- 1:
		case <-time.After(2 * idle): // want "each round makes a timer"
		}
	}
}

// A loop in a closure is one as any other.
func closure(in <-chan int) {
	go func() {
		for {
			select {
			case <-in:
			case <-time.After(time.Second): // want "each round makes a timer"
			}
		}
	}()
}

// No declaration may stand between a goto and its label: no fix.
func jumps(in <-chan int) {
	if len(in) > 3 {
		goto end
	}
	for {
		select {
		case <-in:
		case <-time.After(idle): // want "each round makes a timer"
			goto end
		}
	}
end:
	println("end")
}

// The loop sets it, each in its way: no fix.
func increments(in <-chan int, d time.Duration) {
	for {
		select {
		case <-in:
			d++
		case <-time.After(d): // want "each round makes a timer"
		}
	}
}

func ranges(in <-chan int, lengths chan time.Duration, d time.Duration) {
	for d = range lengths {
		select {
		case <-in:
		case <-time.After(d): // want "each round makes a timer"
		}
	}
}

func rangesValues(in <-chan int, lengths []time.Duration, d time.Duration) {
	for _, d = range lengths {
		select {
		case <-in:
		case <-time.After(d): // want "each round makes a timer"
		}
	}
}

func givesAway(in <-chan int, set func(*time.Duration), d time.Duration) {
	for {
		select {
		case <-in:
			set(&d)
		case <-time.After(d): // want "each round makes a timer"
		}
	}
}

// It sets and gives away others.
func setsOthers(in <-chan int, words map[string]int, set func(*int), d time.Duration) {
	for key, n := range words {
		select {
		case <-in:
			n++
			set(&n)
			println(key, n)
		case <-time.After(d): // want "each round makes a timer"
		}
	}
}
