// Semaphore keeps the memory of an image service within 100 MB: each request
// takes as many units as its picture has megabytes, and waits while they are not
// there.
//
// Look at the three kinds of no: a picture that will never fit is refused at once,
// a full line is refused at once, and a client that gives up takes nothing.
//
// It prints:
//
//	20 thumbnails made, never more than 100 MB: true
//	poster: limiter: request larger than the limit
//	impatient: context deadline exceeded
//	one more in line: limiter: no room
//	after it was halved: 50 MB, in flight 0
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

type service struct {
	memory *semaphore.Weighted // in megabytes
	used   atomic.Int64
	most   atomic.Int64
}

func (s *service) thumbnail(ctx context.Context, megabytes int64) error {
	permit, err := s.memory.Take(ctx, megabytes)
	if err != nil {
		return err
	}
	defer permit.Release() // once, however often it is called

	now := s.used.Add(megabytes)
	defer s.used.Add(-megabytes)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
	time.Sleep(5 * time.Millisecond) // the work
	return nil
}

func main() {
	ctx := context.Background()
	s := &service{memory: semaphore.New(semaphore.Options{Size: 100, Queue: 32})}

	var g errgroup.Group
	for i := range 20 {
		g.Go(func() error { return s.thumbnail(ctx, int64(10+i)) })
	}
	if err := g.Wait(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("20 thumbnails made, never more than 100 MB:", s.most.Load() <= 100)

	err := s.thumbnail(ctx, 400)
	fmt.Println("poster:", err)

	// Everything is taken for a while.
	whole, err := s.memory.TryTake(100)
	if err != nil {
		fmt.Println(err)
		return
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	fmt.Println("impatient:", s.thumbnail(soon, 20))

	// As many wait as may: better to say no now than to answer when nobody listens.
	patient, giveUp := context.WithCancel(ctx)
	for range 32 {
		g.Go(func() error { return s.thumbnail(patient, 20) })
	}
	for s.memory.Stats().Waiting < 32 {
		time.Sleep(time.Millisecond)
	}
	if err := s.thumbnail(ctx, 20); errors.Is(err, limiter.ErrFull) {
		fmt.Println("one more in line:", err)
	}
	giveUp()
	_ = g.Wait()

	// Less memory from now on; what is in flight ends as it is.
	s.memory.Resize(50)
	whole.Release()
	stats := s.memory.Stats()
	fmt.Printf("after it was halved: %d MB, in flight %d\n", stats.Limit, stats.InFlight)
}
