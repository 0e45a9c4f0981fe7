// Package hits has workers that nothing ends.
package hits

import (
	"errors"
	"sync"
)

func neverClosed(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for n := range work { // want "nothing closes work: the goroutine that receives from it stays for ever"
			add(n)
		}
	}()
	for _, n := range numbers {
		work <- n
	}
}

// Some workers, and senders that end.
func severalWorkers(numbers []int, add func(int)) {
	work := make(chan int, 10)
	for range 4 {
		go worker(work, add)
	}
	var wg sync.WaitGroup
	for _, n := range numbers {
		wg.Go(func() { work <- n })
	}
	wg.Wait()
}

func worker(work <-chan int, add func(int)) {
	for n := range work { // want "nothing closes work"
		add(n)
	}
}

// A loop that doesn't look at the close either.
func receivesWithoutEnd(numbers []int, add func(int)) {
	work := make(chan int)
	go func() {
		for { // want "nothing closes work"
			add(<-work)
		}
	}()
	for _, n := range numbers {
		work <- n
	}
}

// The close is in the last line.
func skipsTheClose(numbers []int, add func(int)) error {
	work := make(chan int)
	go func() {
		for n := range work { // want "the function returns in line 63 without closing work"
			add(n)
		}
	}()
	for _, n := range numbers {
		if n < 0 {
			return errors.New("negative")
		}
		work <- n
	}
	close(work)
	return nil
}

// The goroutine that would close it is not started yet.
func skipsTheCloser(numbers []int, check func() error, add func(int)) error {
	work := make(chan int)
	go func() {
		for n := range work { // want "the function returns in line 80 without closing work"
			add(n)
		}
	}()
	if err := check(); err != nil {
		return err
	}
	go func() {
		defer close(work)
		for _, n := range numbers {
			work <- n
		}
	}()
	return nil
}
