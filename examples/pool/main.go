// Pool keeps connections to a server that dies and comes back: who asks meanwhile
// is told so at once, and afterwards nobody gets a connection of the time before.
//
// Look at ask: a connection after an error is discarded, never given back; and at
// Check, which after a Discard every other idle connection has to pass first.
//
// It prints:
//
//	30 questions: <nil>
//	connections for them: 3
//	one finds out on a connection that was fine: true
//	the next has two more checked, both broken: 2, and then fails to dial
//	it's back: <nil> <nil>
//	closed: <nil>, still open: 0
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter/pool"
)

func ask(ctx context.Context, conns *pool.Pool[net.Conn], question string) error {
	h, err := conns.Get(ctx)
	if err != nil {
		return err // nothing to give back
	}
	if err := exchange(h.Value(), question); err != nil {
		h.Discard() // an answer may still come: nobody else must get it
		return err
	}
	h.Release()
	return nil
}

func exchange(c net.Conn, question string) error {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintln(c, question)
	_, err := bufio.NewReader(c).ReadString('\n')
	return err
}

func main() {
	ctx := context.Background()
	srv := serve("127.0.0.1:0")
	var dialer net.Dialer
	addr := srv.ln.Addr().String()
	conns := pool.New(pool.Options[net.Conn]{
		MaxOpen:     3,
		Open:        func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) },
		Close:       func(c net.Conn) { _ = c.Close() },
		Check:       func(_ context.Context, c net.Conn) error { return exchange(c, "ping") },
		MaxLifetime: time.Hour, // less a tenth at random, so that they don't all end together
	})

	var g errgroup.Group
	for i := range 30 {
		g.Go(func() error { return ask(ctx, conns, fmt.Sprintf("question %d", i)) })
	}
	fmt.Println("30 questions:", g.Wait())
	func() {
		for range 3 { // all three at once
			h, _ := conns.Get(ctx)
			defer h.Release()
		}
	}()
	fmt.Println("connections for them:", conns.Counts().Opened)

	srv.die()
	fmt.Println("one finds out on a connection that was fine:", ask(ctx, conns, "are you there?") != nil)
	op, _ := errors.AsType[*net.OpError](ask(ctx, conns, "and now?"))
	fmt.Printf("the next has two more checked, both broken: %d, and then fails to %s\n", conns.Counts().Unhealthy, op.Op)

	serve(addr)
	fmt.Println("it's back:", ask(ctx, conns, "welcome"), ask(ctx, conns, "again"))
	err := conns.Close(ctx) // waits for what is lent, as long as ctx lets it
	fmt.Printf("closed: %v, still open: %d\n", err, conns.Counts().Open)
}

// server answers each line with the same line.
type server struct {
	ln    net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func serve(addr string) *server {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		panic(err)
	}
	s := &server{ln: ln}
	go func() { // until die
		for c, err := ln.Accept(); err == nil; c, err = ln.Accept() {
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go io.Copy(c, c)
		}
	}()
	return s
}

func (s *server) die() {
	_ = s.ln.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
}
