package rate

// This file does a thing only now and then.

import (
	"sync"
	"time"
)

// Sometimes runs a function on some of the calls to [Sometimes.Do]: on the
// first call, and on those that any of its fields asks for. The zero value runs
// it once, ever. Set the fields before first use; a Sometimes must not be
// copied after that.
//
// Do may be called concurrently. Its calls take turns, in the order in which
// they came: what one run did is visible to the next.
type Sometimes struct {
	First    int           // above zero: the first so many calls
	Every    int           // above zero: each so-manieth call, beginning with the first
	Interval time.Duration // above zero: a call when this much has passed since the last run

	mu struct {
		sync.Mutex
		busy    bool            // someone has the turn
		waiting []chan struct{} // one for each who waits for it, closed to pass it on
	}

	// Owned by who has the turn.
	count int       // calls so far
	last  time.Time // end of the last run
}

// Do runs f, or not, as the fields say. It waits while another Do runs its
// function: keep functions short. A Do inside f never returns. If f panics, the
// panic goes to the caller and the call doesn't count.
func (s *Sometimes) Do(f func()) {
	s.takeTurn()
	defer s.passTurn()
	if s.due() {
		f()
		if s.Interval > 0 {
			s.last = time.Now()
		}
	}
	s.count++
}

func (s *Sometimes) due() bool {
	return s.count == 0 ||
		s.First > 0 && s.count < s.First ||
		s.Every > 0 && s.count%s.Every == 0 ||
		s.Interval > 0 && s.intervalPassed()
}

// intervalPassed also holds for a clock that is behind the last run, which must
// be another one: that of a synctest bubble.
func (s *Sometimes) intervalPassed() bool {
	since := time.Since(s.last)
	return since >= s.Interval || since < 0
}

// takeTurn waits on a channel of its own. A mutex held while f runs would be
// shorter, but a wait for a mutex isn't durable in a synctest bubble.
func (s *Sometimes) takeTurn() {
	s.mu.Lock()
	if !s.mu.busy {
		s.mu.busy = true
		s.mu.Unlock()
		return
	}
	turn := make(chan struct{})
	s.mu.waiting = append(s.mu.waiting, turn)
	s.mu.Unlock()
	<-turn
}

func (s *Sometimes) passTurn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.waiting) == 0 {
		s.mu.busy, s.mu.waiting = false, nil
		return
	}
	close(s.mu.waiting[0])
	s.mu.waiting = s.mu.waiting[1:]
}
