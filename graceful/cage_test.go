package graceful_test

// The ways to hang themselves, each a method that says which line is to be
// named. Those that can are let go at the end of the test.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter/semaphore"
	"github.com/belay-go/belay/timeout"
)

// cage is what the animals of the zoo hang in.
type cage struct {
	place    atomic.Pointer[string] // file:line where they hang; nil before
	never    chan int               // closed at the end
	none     chan int               // nil
	sink     chan int
	mutex    sync.Mutex
	rw       sync.RWMutex
	group    sync.WaitGroup
	tasks    errgroup.Group
	late     timeout.WaitGroup
	permits  *semaphore.Weighted
	cond     *sync.Cond
	listener net.Listener // accepts nothing
	released atomic.Bool

	mu    sync.Mutex
	atEnd []func() error
}

// next notes that the line after the call is the one to be named.
func (c *cage) next() {
	_, file, line, _ := runtime.Caller(1)
	place := fmt.Sprintf("%s:%d", path.Base(file), line+1)
	c.place.Store(&place)
}

// cleanup adds what lets an animal go.
func (c *cage) cleanup(f func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atEnd = append(c.atEnd, f)
}

func newCage(t *testing.T) *cage {
	c := &cage{never: make(chan int), sink: make(chan int), cond: sync.NewCond(&sync.Mutex{}), permits: semaphore.NewWeighted(1)}
	c.mutex.Lock()
	c.rw.Lock()
	c.group.Add(1)
	c.late.Add(1)
	c.tasks.Go(func() error { <-c.never; return nil }) // its goroutine is nobody's
	require.NoError(t, c.permits.Acquire(t.Context(), 1))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.listener = ln
	t.Cleanup(c.release)
	return c
}

// release lets go what can be.
func (c *cage) release() {
	c.released.Store(true)
	close(c.never)
	select {
	case <-c.sink:
	default:
	}
	c.mutex.Unlock()
	c.rw.Unlock()
	c.group.Done()
	c.late.Done()
	c.permits.Release(1)
	c.cond.Broadcast()
	_ = c.listener.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.atEnd {
		_ = f()
	}
}

func (c *cage) send() {
	c.next()
	c.sink <- 1
}

func (c *cage) receive() {
	c.next()
	<-c.never
}

func (c *cage) ranges() {
	c.next()
	for range c.never {
	}
}

func (c *cage) sendsToNil() {
	c.next()
	c.none <- 1
}

func (c *cage) receivesFromNil() {
	c.next()
	<-c.none
}

func (c *cage) selects() {
	c.next()
	select {
	case <-c.never:
	case c.sink <- 1:
	}
}

func (c *cage) selectsNothing() {
	c.next()
	select {}
}

func (c *cage) locks() {
	c.next()
	c.mutex.Lock()
}

func (c *cage) readLocks() {
	c.next()
	c.rw.RLock()
}

func (c *cage) reenters() {
	var once sync.Once
	once.Do(func() {
		c.next()
		once.Do(func() {})
	})
}

func (c *cage) waits() {
	c.next()
	c.group.Wait()
}

func (c *cage) waitsForTasks() {
	c.next()
	_ = c.tasks.Wait()
}

func (c *cage) waitsLate() {
	c.next()
	c.late.Wait()
}

func (c *cage) acquires() {
	c.next()
	_ = c.permits.Acquire(context.Background(), 1)
}

func (c *cage) waitsForCond() {
	c.cond.L.Lock()
	c.next()
	c.cond.Wait()
}

func (c *cage) sleeps() {
	c.next()
	time.Sleep(10 * time.Second)
}

func (c *cage) reads() {
	conn, err := net.Dial("tcp", c.listener.Addr().String())
	if err != nil {
		return
	}
	c.cleanup(conn.Close)
	c.next()
	_, _ = conn.Read(make([]byte, 1))
}

func (c *cage) asks() {
	c.next()
	resp, err := http.Get("http://" + c.listener.Addr().String())
	if err == nil {
		_ = resp.Body.Close()
	}
}

func (c *cage) serves() {
	srv := &http.Server{Addr: "127.0.0.1:0"}
	c.cleanup(srv.Close)
	c.next()
	_ = srv.ListenAndServe()
}

func (c *cage) readsPipe() {
	r, w := io.Pipe()
	c.cleanup(w.Close)
	c.next()
	_, _ = r.Read(make([]byte, 1))
}

func (c *cage) readsFile() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	c.cleanup(w.Close)
	c.cleanup(r.Close)
	c.next()
	_, _ = io.ReadAll(r)
}

func (c *cage) writesFile() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	c.cleanup(r.Close)
	c.next()
	_, _ = w.Write(make([]byte, 1<<20))
}

// yields runs, and lets others run.
func (c *cage) yields() {
	c.next()
	for !c.released.Load() { // at this line, or at the next
		runtime.Gosched()
	}
}

// spins calls nothing: the load is an instruction.
func (c *cage) spins() {
	c.next()
	for !c.released.Load() {
	}
}

func (c *cage) workers() {
	for range 7 { // idle: they have nothing to do with it
		go func() { <-c.never }() // ends with the test
	}
	var group sync.WaitGroup
	group.Go(c.locks)
	group.Wait()
}

// levels hangs in a goroutine's goroutine's goroutine.
func (c *cage) levels() {
	hung := make(chan struct{})
	go func() { // ends with the cage, as all of them
		go func() {
			go func() {
				defer close(hung)
				c.locks()
			}()
		}()
	}()
	<-hung
}

// Close makes it an io.Closer, GracefulStop one half of a gRPC server.
func (c *cage) Close() error {
	c.next()
	<-c.never
	return nil
}

func (c *cage) GracefulStop() {
	c.next()
	c.cond.Wait()
}

func (c *cage) Serve(ln net.Listener) error {
	_, err := ln.Accept()
	return err
}

func (c *cage) Stop() {}

func (c *cage) ServeHTTP(http.ResponseWriter, *http.Request) { c.locks() }
