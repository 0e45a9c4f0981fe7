package timeout_test

// This file shows what the Watchdog and each of its methods is for.

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/belay-go/belay/timeout"
)

// touching is a connection whose reads keep a Watchdog quiet. A deadline that is
// moved before each of them would read the clock and take a lock every time.
type touching struct {
	net.Conn
	idle *timeout.Watchdog
}

func (c touching) Read(p []byte) (n int, err error) {
	n, err = c.Conn.Read(p)
	c.idle.Touch()
	return n, err
}

// A connection on which nothing happens for some time is closed; one that is
// slow, but not silent, is not.
func ExampleWatchdog() {
	client, server := net.Pipe()
	defer client.Close()
	idle := timeout.Watchdog{
		Idle: 200 * time.Millisecond,
		Func: func() { server.Close() },
	}
	idle.Start()
	defer idle.Stop()
	go func() {
		for _, part := range []string{"GET ", "/ HT", "TP/1.1"} {
			client.Write([]byte(part))
		}
	}() // and then, silence

	_, err := io.Copy(io.Discard, touching{server, &idle})
	fmt.Println(err)
	// Output: io: read/write on closed pipe
}

// With a time.Timer, what its function does can meet a Reset, so that it runs
// twice at once; here the next watch counts from the return of the last Func.
func ExampleWatchdog_Start() {
	saves := make(chan string)
	var autosave timeout.Watchdog
	autosave.Idle = time.Millisecond
	autosave.Func = func() { saves <- "nobody has typed for a while: saved" }

	for range 2 {
		autosave.Start() // each time that somebody types again
		fmt.Println(<-saves)
	}
	// Output:
	// nobody has typed for a while: saved
	// nobody has typed for a while: saved
}

// Touch is for hot loops: it may be called for each record of a stream.
func ExampleWatchdog_Touch() {
	stalled := make(chan struct{})
	idle := timeout.Watchdog{Idle: 20 * time.Millisecond, Func: func() { close(stalled) }}
	idle.Start()

	records := 0
	for range 1_000_000 {
		records++
		idle.Touch()
	}
	<-stalled // nothing more came
	fmt.Println("stalled after", records, "records")
	// Output: stalled after 1000000 records
}

// A call that takes longer than Idle is no idleness, though nobody touches
// anything meanwhile.
func ExampleWatchdog_Begin() {
	idle := timeout.Watchdog{Idle: time.Millisecond, Func: func() { fmt.Println("closed in the middle of a call") }}
	idle.Begin()
	idle.Start()
	time.Sleep(10 * time.Millisecond) // the call
	fmt.Println("still open:", idle.Stop())
	idle.End()
	// Output: still open: true
}

// End is deferred, for a call that is never over keeps the dog quiet for good.
func ExampleWatchdog_End() {
	closed := make(chan struct{})
	idle := timeout.Watchdog{Idle: time.Millisecond, Func: func() { close(closed) }}
	idle.Start()
	handle := func() {
		idle.Begin()
		defer idle.End()
		defer func() { recover() }() // as a server does
		panic("a bad request")
	}
	handle()
	<-closed
	fmt.Println("idle since the end of the call")
	// Output: idle since the end of the call
}

// Whoever needs what Func would close asks first. The answer of a Stop holds:
// there is no Func that has begun unnoticed.
func ExampleWatchdog_Stop() {
	idle := timeout.Watchdog{Idle: time.Hour, Func: func() { fmt.Println("closed") }}
	idle.Start()
	if idle.Stop() {
		fmt.Println("taken from the pool, and open")
	}
	fmt.Println("again:", idle.Stop())
	// Output:
	// taken from the pool, and open
	// again: false
}
