// Package old is of a module from before Go 1.23, where tickers must be stopped.
package old

import (
	"net/http"
	"time"
)

func unstopped(done <-chan struct{}) {
	t := time.NewTicker(time.Second) // want "nobody stops this ticker.*defer t.Stop"
	for {
		select {
		case <-t.C:
		case <-done:
			return
		}
	}
}

func inLoop(in <-chan int) {
	for range in {
		<-time.Tick(time.Second) // want "each call leaves one more"
	}
}

func started(in <-chan int) {
	for v := range in {
		go func() {
			for range time.Tick(time.Second) { // want "each call leaves one more"
				if v > 0 {
					return
				}
			}
		}()
	}
}

func handler(w http.ResponseWriter, r *http.Request) {
	<-time.Tick(time.Second) // want "each call leaves one more"
}

// Perhaps it is called once.
func once(done <-chan struct{}) {
	select {
	case <-time.Tick(time.Second):
	case <-done:
	}
}

func stopped() {
	t := time.NewTicker(time.Second)
	<-t.C
	t.Stop()
}

func passed(f func(*time.Ticker)) {
	t := time.NewTicker(time.Second)
	f(t)
}

func forever() {
	t := time.NewTicker(time.Second)
	for range t.C {
		println("tick")
	}
}

func foreverAgain() {
	t := time.NewTicker(time.Second)
	for {
		<-t.C
	}
}

func few() {
	for range 3 {
		<-time.Tick(time.Second)
	}
}

// Who has it may stop it.
func made() *time.Ticker { return time.NewTicker(time.Second) }

type holder struct{ ticker *time.Ticker }

func (h *holder) keep() {
	h.ticker = time.NewTicker(time.Second)
}
