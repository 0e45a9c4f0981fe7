//go:build unix

package restarts

// This file asks whether clients of http/1.1 notice a restart at all: a thousand
// connections, idle ones and busy ones, none of which is ever to be dialled anew.

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// keepers are clients that each hold one connection. Half of them ask one
// question after the other, the others now and then.
type keepers struct {
	addr     string
	over     atomic.Bool
	all      sync.WaitGroup
	answered atomic.Int64
	lost     atomic.Int64 // requests without an answer
	dials    atomic.Int64 // after the first of each
	failed   atomic.Value // string: the first loss
}

const (
	// busyPause and idlePause are the longest waits between two requests.
	busyPause, idlePause = 20 * time.Millisecond, 3 * time.Second
)

// keep opens n connections, asks once on each, and then starts the clients.
func keep(addr string, n int) (*keepers, error) {
	k := &keepers{addr: addr}
	var conns []net.Conn
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	for i, c := range conns {
		k.all.Go(func() { k.client(i, c) })
	}
	return k, nil
}

// client posts until it is over; each ends with the answer that it waits for.
func (k *keepers) client(i int, c net.Conn) {
	r := bufio.NewReader(c)
	defer func() { _ = c.Close() }()
	most := busyPause
	if i%2 == 0 {
		most = idlePause
	}
	for n := 0; !k.over.Load(); n++ {
		again, err := post(c, r, fmt.Sprintf("client %d request %d", i, n))
		if err != nil {
			k.lost.Add(1)
			k.failed.CompareAndSwap(nil, err.Error())
		} else {
			k.answered.Add(1)
		}
		if err != nil || !again {
			_ = c.Close()
			k.dials.Add(1)
			next, err := net.Dial("tcp", k.addr)
			if err != nil {
				k.lost.Add(1)
				return
			}
			c, r = next, bufio.NewReader(next)
		}
		for wait := rand.N(most); wait > 0 && !k.over.Load(); wait -= busyPause {
			time.Sleep(min(wait, busyPause))
		}
	}
}

// post makes one request; again says that the server will take another one.
func post(c net.Conn, r *bufio.Reader, body string) (again bool, err error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		return false, err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return false, err
	}
	got, err := io.ReadAll(resp.Body)
	if err == nil && string(got) != body {
		err = fmt.Errorf("%d bytes of another answer", len(got))
	}
	return !resp.Close, err
}

// keepThem restarts a server n times with so many clients, and returns the exit
// code: 1 if one of them has noticed.
func keepThem(n, clients int) int {
	c, err := start(managed)
	if err != nil {
		return broken(err)
	}
	defer c.kill()
	k, err := keep(c.idle, clients)
	if err != nil {
		return broken(err)
	}
	began := time.Now()
	for range n {
		if err := c.restart(); err != nil {
			return broken(err)
		}
		at, limit := k.answered.Load(), time.Now().Add(patience)
		for (k.answered.Load() < at+between || c.there() > 1) && time.Now().Before(limit) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(spread))
	}
	k.over.Store(true)
	k.all.Wait()
	unclean, err := c.stop()
	if err != nil {
		return broken(err)
	}
	fmt.Printf("%s %s/%s, %d processors; %d clients, half of them mostly idle; %d restarts in %.0f s\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), clients, n, time.Since(began).Seconds())
	fmt.Printf("answered %d, lost %d, dialled anew %d\n", k.answered.Load(), k.lost.Load(), k.dials.Load())
	if why := k.failed.Load(); why != nil {
		fmt.Println(why)
	}
	if k.lost.Load() > 0 || k.dials.Load() > 0 || unclean > 0 {
		fmt.Printf("FAIL: they have noticed; %d processes did not end cleanly\n", unclean)
		return 1
	}
	fmt.Println("PASS: no client has noticed")
	return 0
}

func broken(err error) int {
	fmt.Fprintln(os.Stderr, "restart:", err)
	return 2
}
