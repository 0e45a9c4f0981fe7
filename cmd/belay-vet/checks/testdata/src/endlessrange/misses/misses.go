// Package misses has workers that end, or that live as long as the process.
package misses

import (
	"context"
	"errors"
	"os"
	"os/signal"
)

func closesAtTheEnd(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	for _, n := range numbers {
		work <- n
	}
	close(work)
}

// The close is deferred, in front of the worker or behind it.
func closesDeferred(numbers []int, add func(int)) error {
	work := make(chan int)
	defer close(work)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	return fill(numbers, func(n int) error { add(n); return nil })
}

func closesDeferredLater(numbers []int, add func(int)) error {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	defer func() {
		add(0)
		close(work)
	}()
	for _, n := range numbers {
		if n < 0 {
			return errors.New("negative")
		}
		work <- n
	}
	return nil
}

func fill(numbers []int, f func(int) error) error { return f(len(numbers)) }

// A goroutine closes it, started in front of the worker.
func closedByTheSender(numbers []int, add func(int)) error {
	work := make(chan int)
	go func() {
		defer close(work)
		for _, n := range numbers {
			work <- n
		}
	}()
	go func() {
		for n := range work {
			add(n)
		}
	}()
	return errors.ErrUnsupported
}

// The loop has another end.
func untilZero(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			if n == 0 {
				return
			}
			add(n)
		}
	}()
	for _, n := range numbers {
		work <- n
	}
	work <- 0
}

func untilDone(ctx context.Context, numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for {
			select {
			case n := <-work:
				add(n)
			case <-ctx.Done():
				return
			}
		}
	}()
	for _, n := range numbers {
		work <- n
	}
}

// The function never returns.
func serves(next func() int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	for {
		work <- next()
	}
}

// Workers that live as long as their senders: for ever.
func daemons(next func() int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	go func() {
		for {
			work <- next()
		}
	}()
}

func follows(source <-chan int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	go func() {
		for n := range source {
			work <- n
		}
	}()
}

// The worker and the close depend on one condition.
func perhaps(parallel bool, numbers []int, add func(int)) {
	work := make(chan int)
	if parallel {
		go func() {
			for n := range work {
				add(n)
			}
		}()
	}
	if !parallel {
		return
	}
	for _, n := range numbers {
		work <- n
	}
	close(work)
}

func perhapsAtTheEnd(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	failed := len(numbers) == 0
	if !failed {
		close(work)
	}
	if failed {
		close(work)
	}
}

// Others send.
func onSignal(reload func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	go func() {
		for range signals {
			reload()
		}
	}()
}

func callback(add func(int)) func(int) {
	work := make(chan int)
	go func() {
		for n := range work {
			add(n)
		}
	}()
	return func(n int) { work <- n }
}

// The worker itself closes it, when it gets the last one.
func closesItself(numbers []int, add func(int)) {
	work := make(chan int, 1)
	go func() {
		for n := range work {
			if n == 0 {
				close(work)
			}
			add(n)
		}
	}()
	for _, n := range numbers {
		work <- n
	}
	work <- 0
}

// Its loop has another end, without a return.
func breaks(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			if n == 0 {
				break
			}
			add(n)
		}
	}()
	for _, n := range numbers {
		work <- n
	}
	work <- 0
}

func jumps(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work {
			if n == 0 {
				goto end
			}
			add(n)
		}
	end:
		add(0)
	}()
	for _, n := range numbers {
		work <- n
	}
	work <- 0
}
