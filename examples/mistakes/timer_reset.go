package mistakes

// A Reset that meets the timer's own firing.

import (
	"time"

	"github.com/belay-go/belay/timeout"
)

// FlushWrong hangs in the drain once the timer has fired in the select.
func FlushWrong(lines <-chan string, every time.Duration, add func(string), flush func()) {
	timer := time.NewTimer(every)
	for {
		select {
		case line, open := <-lines:
			if !open {
				return
			}
			add(line)
		case <-timer.C:
			flush()
		}
		if !timer.Stop() {
			<-timer.C // its value was taken above
		}
		timer.Reset(every)
	}
}

// FlushRight resets: since Go 1.23 no value of before comes after a Reset.
func FlushRight(lines <-chan string, every time.Duration, add func(string), flush func()) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case line, open := <-lines:
			if !open {
				return
			}
			add(line)
		case <-timer.C:
			flush()
		}
		timer.Reset(every)
	}
}

// SaveWrong returns what to call after each change: save follows when it is
// quiet, and may run twice at once.
func SaveWrong(quiet time.Duration, save func()) (changed func()) {
	timer := time.AfterFunc(quiet, save)
	return func() { timer.Reset(quiet) }
}

// SaveRight never calls save while it runs: the next one follows.
func SaveRight(quiet time.Duration, save func()) (changed func()) {
	timer := &timeout.Timer{Func: save}
	timer.Reset(quiet)
	return func() { timer.Reset(quiet) }
}
