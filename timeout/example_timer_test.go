package timeout_test

// This file shows what the names of the timer are for.

import (
	"fmt"
	"time"

	"github.com/belay-go/belay/timeout"
)

// A loop that gives each message a time of its own needs one timer, where
// time.After would make one for every turn.
func ExampleTimer() {
	type message struct {
		text string
		next time.Duration // until the next one has to be there
	}
	messages := make(chan message, 2)
	messages <- message{"first", time.Hour}
	messages <- message{"second", 10 * time.Millisecond}

	var silence timeout.Timer
	defer silence.Stop()
	silence.Reset(time.Hour)
	for {
		select {
		case m := <-messages:
			fmt.Println(m.text)
			silence.Reset(m.next)
		case <-silence.C():
			fmt.Println("nothing for 10ms")
			return
		}
	}
	// Output:
	// first
	// second
	// nothing for 10ms
}

// The channel stays the same one, and what it held is taken back.
func ExampleTimer_C() {
	var t timeout.Timer
	t.Reset(0)
	for len(t.C()) == 0 {
		time.Sleep(time.Microsecond)
	}
	t.Reset(time.Hour) // the fire that nobody has seen has not been
	fmt.Println(len(t.C()))
	t.Stop()
	// Output: 0
}

// A lease may be renewed by who knows nothing of the others: none shortens what
// another one has asked for.
func ExampleTimer_Extend() {
	expired := make(chan struct{})
	lease := timeout.Timer{Func: func() { close(expired) }}
	lease.Reset(time.Hour)
	fmt.Println(lease.Extend(time.Millisecond)) // an hour it stays
	fmt.Println(lease.Stop())
	fmt.Println(lease.Extend(time.Hour)) // too late, and said so
	// Output:
	// true
	// stopped
	// false
}

// A stop has come: what was to happen within an hour happens within a
// millisecond, and what was sooner stays.
func ExampleTimer_Shrink() {
	flushed := make(chan struct{})
	flush := timeout.Timer{Func: func() { close(flushed) }}
	flush.Reset(time.Hour)
	fmt.Println(flush.Shrink(time.Millisecond))
	<-flushed
	fmt.Println(flush.Shrink(0)) // it has fired
	// Output:
	// true
	// false
}

// Each call says what has become of the arming before it, so whoever counts
// what is outstanding counts right.
func ExampleTimer_Reset() {
	t := timeout.Timer{Func: func() {}}
	fmt.Println(t.Reset(time.Hour)) // there was none
	fmt.Println(t.Reset(0))
	t.StopWait()
	// Output:
	// stopped
	// replaced
}

// With a time.Timer, a Stop that returns false says neither whether the func has
// run nor whether the timer had been stopped before.
func ExampleTimer_Stop() {
	t := timeout.Timer{Func: func() { fmt.Println("never printed") }}
	t.Reset(time.Hour)
	if t.Stop() == timeout.Stopped {
		fmt.Println("it will not fire")
	}
	// Output: it will not fire
}

// After a StopWait nothing of the func runs any longer, so what it uses may be
// closed.
func ExampleTimer_StopWait() {
	file, started := "open", make(chan struct{})
	t := timeout.Timer{Func: func() {
		close(started)
		time.Sleep(time.Millisecond)
		fmt.Println("written to a file that is", file)
	}}
	t.Reset(0)
	<-started
	fmt.Println(t.StopWait())
	file = "closed"
	// Output:
	// written to a file that is open
	// fired
}

// An owner that counts what it has outstanding is told about each of them once.
func ExampleEnding() {
	outstanding := 1
	t := timeout.Timer{Func: func() {}}
	t.Reset(time.Hour)
	switch t.Stop() {
	case timeout.Stopped, timeout.Replaced:
		outstanding--
	case timeout.Fired: // Func has counted it
	}
	fmt.Println(outstanding)
	// Output: 0
}

// The endings print as what they are.
func ExampleEnding_String() {
	fmt.Println(timeout.Stopped, timeout.Fired, timeout.Replaced)
	// Output: stopped fired replaced
}
