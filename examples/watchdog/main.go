// Watchdog closes connections on which nothing has happened for a while, and a
// Timer ends the lease of a lock that its holder has to renew.
//
// Look at Touch, which is called for every line and costs about as much as reading
// a variable; at Begin and End, which keep a slow answer from looking idle; and at
// what Extend says to a holder that comes too late.
//
// It prints:
//
//	busy: 15 lines echoed, closed: false
//	slow: one answer took longer than it may be idle: true
//	idle: closed by the server: true
//	lease renewed: true true, taken away: true, renewed too late: false
//	released in time: stopped
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/belay-go/belay/timeout"
)

const idle = 400 * time.Millisecond

// serve echoes lines until the client has been silent for too long.
func serve(c net.Conn) {
	dog := timeout.Watchdog{Idle: idle, Func: func() { c.Close() }}
	dog.Start()
	defer dog.Stop() // or it would close the connection of whoever has the descriptor next
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		dog.Touch()
		if lines.Text() == "slow" {
			dog.Begin() // a call in flight is not idleness, however long it takes
			time.Sleep(idle + idle/4)
			dog.End()
		}
		fmt.Fprintln(c, lines.Text())
	}
}

// lease is a lock that is taken from a holder who doesn't say that it still lives.
type lease struct {
	timer timeout.Timer
	lost  chan struct{}
}

func acquire(d time.Duration) *lease {
	l := &lease{lost: make(chan struct{})}
	l.timer.Func = func() { close(l.lost) }
	l.timer.Reset(d)
	return l
}

// renew reports whether the lease is still there; if not it stays lost.
func (l *lease) renew(d time.Duration) bool { return l.timer.Extend(d) }

// release says how it ended: by this, or before.
func (l *lease) release() timeout.Ending { return l.timer.StopWait() }

func main() {
	client, server := net.Pipe()
	go serve(server) // ends when the watchdog closes the connection
	answers := bufio.NewReader(client)
	ask := func(line string) error {
		if _, err := fmt.Fprintln(client, line); err != nil {
			return err
		}
		_, err := answers.ReadString('\n')
		return err
	}

	echoed := 0
	for range 15 { // longer than it may be idle, but never idle
		time.Sleep(idle / 13)
		if ask("hello") == nil {
			echoed++
		}
	}
	fmt.Printf("busy: %d lines echoed, closed: %v\n", echoed, echoed < 15)
	fmt.Println("slow: one answer took longer than it may be idle:", ask("slow") == nil)
	_, err := answers.ReadString('\n')
	fmt.Println("idle: closed by the server:", err == io.EOF)

	l := acquire(time.Minute)
	fmt.Print("lease renewed: ", l.renew(2*time.Minute), " ", l.renew(3*time.Minute))
	l.timer.Shrink(10 * time.Millisecond) // an operator wants it to end soon
	<-l.lost
	fmt.Println(", taken away: true, renewed too late:", l.renew(time.Minute))

	fmt.Println("released in time:", acquire(time.Minute).release())
}
