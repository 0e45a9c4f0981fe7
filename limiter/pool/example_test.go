package pool_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/pool"
)

var ctx = context.Background()

// session stands for a connection to some server.
type session struct{ name string }

func dial(context.Context) (*session, error) { return &session{name: "alice"}, nil }

// A client keeps connections to its server, no more than it may have.
func ExamplePool() {
	server, _ := net.Listen("tcp", "127.0.0.1:0")
	defer server.Close()
	go func() { // ends with the listener and the connection
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()

	conns := pool.New(pool.Options[net.Conn]{
		MaxOpen:     10,
		MaxIdleTime: 5 * time.Minute,
		Open: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", server.Addr().String())
		},
		Close: func(c net.Conn) { c.Close() },
	})
	defer conns.Close(ctx)

	ask := func(question string) (string, error) {
		h, err := conns.Get(ctx)
		if err != nil {
			return "", err
		}
		defer h.Discard() // does nothing after the Release below
		answer := make([]byte, len(question))
		if _, err := io.WriteString(h.Value(), question); err != nil {
			return "", err
		}
		if _, err := io.ReadFull(h.Value(), answer); err != nil {
			return "", err
		}
		h.Release()
		return string(answer), nil
	}
	fmt.Println(ask("who is there?"))
	fmt.Println(ask("again?"))
	fmt.Println("connections:", conns.Counts().Opened)
	// Output:
	// who is there? <nil>
	// again? <nil>
	// connections: 1
}

// What may be half an hour old is closed before the server does it, each at a time
// of its own, and what was idle is asked before it is used.
func ExampleNew() {
	sessions := pool.New(pool.Options[*session]{
		Open:        dial,
		Check:       func(ctx context.Context, s *session) error { return nil }, // pings
		MaxOpen:     20,
		MinIdle:     2,
		MaxLifetime: 30 * time.Minute,
		MaxIdleTime: 5 * time.Minute,
	})
	defer sessions.Close(ctx)
	fmt.Println("open before the first call:", sessions.Counts().Open)
	// Output: open before the first call: 0
}

// A load balancer in front of the servers spreads better if all connections are
// used in turn.
func ExampleOptions() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 2, OldestFirst: true})
	a, _ := sessions.Get(ctx)
	b, _ := sessions.Get(ctx)
	a.Value().name, b.Value().name = "a", "b"
	a.Release()
	b.Release()
	for range 4 {
		h, _ := sessions.Get(ctx)
		fmt.Print(h.Value().name, " ")
		h.Release()
	}
	// Output: a b a b
}

// A request waits for a connection no longer than its context lives.
func ExamplePool_Get() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	h, err := sessions.Get(ctx)
	if err != nil {
		return
	}
	defer h.Release()

	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err = sessions.Get(soon)
	fmt.Println(err)
	// Output: context deadline exceeded
}

// A listener for notifications has a connection of its own, that counts against
// what the server allows.
func ExamplePool_Take() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 2})
	place, err := sessions.Take(ctx, 1)
	if err != nil {
		return
	}
	defer place.Release()
	listener, _ := dial(ctx)
	_, remaining, _, _ := sessions.Quota()
	fmt.Println(listener.name, "listens, places left:", remaining)
	// Output: alice listens, places left: 1
}

// A copy for the backup is made only where there is room.
func ExamplePool_TryTake() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	h, _ := sessions.Get(ctx)
	defer h.Release()
	_, err := sessions.TryTake(1)
	fmt.Println(errors.Is(err, limiter.ErrFull))
	// Output: true
}

// A service has its connections before it says that it is ready.
func ExamplePool_Tend() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 10, MinIdle: 3})
	if err := sessions.Tend(ctx); err != nil {
		return
	}
	fmt.Println("ready, with", sessions.Counts().Idle)
	// Output: ready, with 3
}

// What is still out at the end of the service's patience is in its last line.
func ExamplePool_Close() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	h, _ := sessions.Get(ctx)
	defer h.Release()

	patience, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	fmt.Println(sessions.Close(patience))
	// Output: pool: closed with 1 out: context deadline exceeded
}

func ExampleCloseError() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	sessions.Track(true)
	h, _ := sessions.Get(ctx)
	defer h.Release()

	now, cancel := context.WithCancel(ctx)
	cancel()
	var left *pool.CloseError
	if errors.As(sessions.Close(now), &left) {
		fmt.Println("not given back:", left.Out, "known to be with:", len(left.Holders))
	}
	// Output: not given back: 1 known to be with: 1
}

func ExampleErrClosed() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	sessions.Close(ctx)
	_, err := sessions.Get(ctx)
	fmt.Println(errors.Is(err, pool.ErrClosed))
	// Output: true
}

// A gauge for the dashboard: does MaxOpen suffice?
func ExamplePool_Stats() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 8})
	h, _ := sessions.Get(ctx)
	defer h.Release()
	s := sessions.Stats()
	fmt.Println(s.InFlight, "of", s.Limit, "in use,", s.Waiting, "wait")
	// Output: 1 of 8 in use, 0 wait
}

// Connections that are opened as often as they are used are no pool: MaxIdle is
// too low.
func ExamplePool_Counts() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 8, MaxIdle: -1})
	for range 5 {
		h, _ := sessions.Get(ctx)
		h.Release()
	}
	fmt.Println("opened", sessions.Counts().Opened, "for", sessions.Stats().Total)
	// Output: opened 5 for 5
}

func ExampleCounts() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 8})
	h, _ := sessions.Get(ctx)
	h.Discard()
	c := sessions.Counts()
	fmt.Println("open:", c.Open, "opened:", c.Opened, "closed:", c.Closed)
	// Output: open: 0 opened: 1 closed: 1
}

// A pool is one of the limits that middleware looks at.
func ExamplePool_Quota() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 8})
	h, _ := sessions.Get(ctx)
	defer h.Release()
	limit, remaining, _, _ := sessions.Quota()
	fmt.Println(remaining, "of", limit)
	// Output: 7 of 8
}

// Two pools that are composed by many are always taken from in one order.
func ExamplePool_Rank() {
	a := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	b := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	fmt.Println(a.Rank() < b.Rank())
	place, err := limiter.All(b, a).Take(ctx, 1)
	fmt.Println(err)
	place.Release()
	// Output:
	// true
	// <nil>
}

// On the day on which connections leak, who has them is asked.
func ExamplePool_Track() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	sessions.Track(true)
	leaked, _ := sessions.Get(ctx)
	for _, h := range sessions.Holders() {
		fmt.Println(h.Units, "held, with a stack:", h.Stack != "")
	}
	leaked.Release()
	// Output: 1 held, with a stack: true
}

func ExamplePool_Holders() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	leaked, _ := sessions.Get(ctx)
	fmt.Println("known before Track:", len(sessions.Holders()))
	leaked.Release()
	// Output: known before Track: 0
}

// However many ways lead out of a function, the resource goes back once.
func ExampleHandle() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	h, err := sessions.Get(ctx)
	if err != nil {
		return
	}
	defer h.Release()
	fmt.Println("hello,", h.Value().name)
	h.Release() // early, before what takes long
	fmt.Println("in use:", sessions.Stats().InFlight)
	// Output:
	// hello, alice
	// in use: 0
}

func ExampleHandle_Release() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	h, _ := sessions.Get(ctx)
	h.Release()
	next, _ := sessions.Get(ctx)
	h.Release() // not that of the next
	fmt.Println(sessions.Stats().InFlight)
	next.Release()
	// Output: 1
}

// What is used after it was given back is somebody else's by then.
func ExampleHandle_Value() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	h, _ := sessions.Get(ctx)
	fmt.Println(h.Value().name)
	h.Release()
	defer func() { fmt.Println(recover()) }()
	h.Value().name = "bob"
	// Output:
	// alice
	// pool: Value of a released handle
}

// A connection whose last answer did not come is of no use to the next.
func ExampleHandle_Discard() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 1})
	use := func(query func(*session) error) error {
		h, err := sessions.Get(ctx)
		if err != nil {
			return err
		}
		defer h.Release()
		if err := query(h.Value()); err != nil {
			h.Discard()
			return err
		}
		return nil
	}
	fmt.Println(use(func(*session) error { return io.ErrUnexpectedEOF }))
	fmt.Println("idle:", sessions.Counts().Idle)
	// Output:
	// unexpected EOF
	// idle: 0
}

// A connection that turns into something else leaves the pool; its place stays
// taken until it is closed.
func ExampleHandle_Detach() {
	sessions := pool.New(pool.Options[*session]{Open: dial, MaxOpen: 2})
	h, _ := sessions.Get(ctx)
	upgraded, place := h.Detach()
	fmt.Println(upgraded.name, sessions.Counts().Open, sessions.Stats().InFlight)
	place.Release() // once it was closed
	fmt.Println(sessions.Stats().InFlight)
	// Output:
	// alice 0 1
	// 0
}

func ExampleCloseError_Error() {
	err := &pool.CloseError{Out: 2, Closing: 1, Err: context.DeadlineExceeded}
	fmt.Println(err)
	// Output: pool: closed with 2 out, 1 closing: context deadline exceeded
}

// Whoever looks for the end of the context finds it.
func ExampleCloseError_Unwrap() {
	err := &pool.CloseError{Out: 2, Err: context.Canceled}
	fmt.Println(errors.Is(err, context.Canceled))
	// Output: true
}

func ExampleCloseError_Timeout() {
	err := &pool.CloseError{Out: 2, Err: context.DeadlineExceeded}
	fmt.Println(err.Timeout())
	// Output: true
}
