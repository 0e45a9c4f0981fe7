// Waitgroup lets the work behind answers that are sent already (mails, audit
// records) end before the process does, but not for ever.
//
// Look at stop: no more is begun, the wait has a deadline, the error names what
// was too late, and giving up leaves nothing behind.
//
// It prints:
//
//	begun: 3
//	timeout: 1 of the group still running (upload of the trace for ...): context deadline exceeded
//	begun after the stop: false
//	the rest has ended: true
//	for a sync.WaitGroup of somebody else's: timed out true, then false
package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

type service struct{ background timeout.WaitGroup }

// later runs what a client needn't wait for, unless the service is stopping.
func (s *service) later(name string, work func()) bool {
	if !s.background.TryAdd(1) {
		return false
	}
	defer s.background.Done() // the group can't become empty before the next line
	s.background.GoNamed(name, work)
	return true
}

func (s *service) stop(ctx context.Context) error {
	s.background.Close()
	return s.background.WaitContext(ctx)
}

func main() {
	var s service
	release := make(chan struct{})
	s.later("mail to alice", func() {})
	s.later("audit record", func() {})
	s.later("upload of the trace", func() { <-release })
	fmt.Println("begun: 3")

	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	fmt.Println(s.stop(ctx))
	fmt.Println("begun after the stop:", s.later("one more mail", func() {}))

	close(release)
	fmt.Println("the rest has ended:", !s.background.WaitTimeout(10*time.Second))

	// Where the WaitGroup is in a library and can't be changed. Prefer the above:
	// this one has to leave a goroutine until the counter is zero.
	var theirs sync.WaitGroup
	theirs.Add(1)
	late := timeout.Wait(&theirs, 20*time.Millisecond)
	theirs.Done()
	fmt.Printf("for a sync.WaitGroup of somebody else's: timed out %v, then %v\n", late, timeout.Wait(&theirs, 10*time.Second))
}
