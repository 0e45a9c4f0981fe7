package main

// This file is a server of the soak's own whose sockets close at random.

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

type echo struct {
	ln   net.Listener
	done sync.WaitGroup
}

func newEcho() *echo {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	e := &echo{ln: ln}
	e.done.Go(func() { // ends with close
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			e.done.Go(func() { serve(c) })
		}
	})
	return e
}

// serve echoes single bytes, and hangs up now and then.
func serve(c net.Conn) {
	defer c.Close()
	b := make([]byte, 1)
	for rand.IntN(30) > 0 {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func (e *echo) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", e.ln.Addr().String())
}

func (e *echo) close() {
	_ = e.ln.Close()
	e.done.Wait() // its clients have closed
}

// ping is a turn of the echo.
func ping(ctx context.Context, c net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte{1}); err != nil {
		return err
	}
	_, err := c.Read(make([]byte, 1))
	return err
}

// warm opens and closes what is opened once.
func warm() {
	e := newEcho()
	if c, err := e.dial(context.Background()); err == nil {
		_ = c.Close()
	}
	e.close()
}
