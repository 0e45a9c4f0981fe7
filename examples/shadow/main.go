// Shadow turns a limit on in a service that never had one: first it only counts
// whom it would refuse, then it does; and when permits leak, Watch says where.
//
// Look at the order, Shadow around Watch around the limit, which is the same value
// all the time: nothing is rebuilt or restarted between the three steps.
//
// It prints:
//
//	as a shadow: 8 of 8 served, 5 would have been refused
//	turned on: 3 of 8 served, 5 more refused
//	days later: limiter: no room, in flight 3 of 3, by requests that are over
//	held by 3 calls of main.(*service).cancelled
package main

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

type service struct{ limit limiter.Limiter }

// order serves as long as done isn't closed.
func (s *service) order(done <-chan struct{}, served chan<- bool) {
	permit, err := s.limit.TryTake(1)
	if err != nil {
		served <- false
		return
	}
	defer permit.Release() // does nothing for those whom the shadow has let through
	served <- true
	<-done
}

// cancelled has a way out that forgets the permit.
func (s *service) cancelled(empty bool) error {
	permit, err := s.limit.TryTake(1)
	if err != nil {
		return err
	}
	if empty {
		return nil // the bug, which belay-vet finds, too
	}
	permit.Release()
	return nil
}

// rush has eight orders at once, and returns how many were served.
func rush(s *service) (served int) {
	var wg sync.WaitGroup
	done, answers := make(chan struct{}), make(chan bool)
	for range 8 {
		wg.Go(func() { s.order(done, answers) })
	}
	for range 8 {
		if <-answers {
			served++
		}
	}
	close(done)
	wg.Wait()
	return served
}

func main() {
	watched := limiter.Watch(semaphore.NewWeighted(3))
	shadow := limiter.Shadow(watched)
	s := &service{shadow}

	n := rush(s)
	before := shadow.Stats().Refused
	fmt.Printf("as a shadow: %d of 8 served, %d would have been refused\n", n, before)

	shadow.Enforce(true)
	n = rush(s)
	fmt.Printf("turned on: %d of 8 served, %d more refused\n", n, shadow.Stats().Refused-before)

	watched.Track(true) // costs a stack a permit: on while it is needed
	var err error
	for err == nil {
		err = s.cancelled(true)
	}
	stats := shadow.Stats()
	fmt.Printf("days later: %v, in flight %d of %d, by requests that are over\n", err, stats.InFlight, stats.Limit)
	where := map[string]int{}
	for _, h := range watched.Holders() { // the oldest first, each with its age
		where[regexp.MustCompile(`main\.\S+`).FindString(h.Stack)]++
	}
	for function, n := range where {
		fmt.Printf("held by %d calls of %s\n", n, function)
	}
}
