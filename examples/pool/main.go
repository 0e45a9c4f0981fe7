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
	"net"
	"sync"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter/pool"
)

type client struct{ conns *pool.Pool[net.Conn] }

func (c *client) ask(ctx context.Context, question string) error {
	h, err := c.conns.Get(ctx)
	if err != nil {
		return err // ctx is done, or the dial has failed: there is nothing to give back
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
	if _, err := fmt.Fprintln(c, question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && answer != question+"\n" {
		return errors.New("the answer to another question")
	}
	return err
}

func main() {
	ctx := context.Background()
	srv := serve("127.0.0.1:0")
	addr := srv.ln.Addr().String()
	c := &client{pool.New(pool.Options[net.Conn]{
		MaxOpen: 3,
		Open: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
		Close:       func(c net.Conn) { _ = c.Close() },
		Check:       func(_ context.Context, c net.Conn) error { return exchange(c, "ping") },
		MaxLifetime: time.Hour, // less a tenth at random, so that they don't all end together
	})}

	var g errgroup.Group
	for i := range 30 {
		g.Go(func() error { return c.ask(ctx, fmt.Sprintf("question %d", i)) })
	}
	fmt.Println("30 questions:", g.Wait())
	var lent [3]pool.Handle[net.Conn]
	for i := range lent { // so that all three are open
		lent[i], _ = c.conns.Get(ctx)
	}
	for _, h := range lent {
		h.Release()
	}
	fmt.Println("connections for them:", c.conns.Counts().Opened)

	srv.die()
	fmt.Println("one finds out on a connection that was fine:", c.ask(ctx, "are you there?") != nil)
	op, _ := errors.AsType[*net.OpError](c.ask(ctx, "and now?"))
	fmt.Printf("the next has two more checked, both broken: %d, and then fails to %s\n", c.conns.Counts().Unhealthy, op.Op)

	srv = serve(addr)
	fmt.Println("it's back:", c.ask(ctx, "welcome"), c.ask(ctx, "again"))

	err := c.conns.Close(ctx) // waits for what is lent, as long as ctx lets it
	fmt.Printf("closed: %v, still open: %d\n", err, c.conns.Counts().Open)
	srv.die()
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
			go func() {
				for lines := bufio.NewScanner(c); lines.Scan(); {
					fmt.Fprintln(c, lines.Text())
				}
			}()
		}
	}()
	return s
}

func (s *server) die() {
	_ = s.ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}
