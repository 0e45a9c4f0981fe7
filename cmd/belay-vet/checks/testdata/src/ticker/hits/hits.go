// Package hits ranges over tickers that are stopped.
package hits

import "time"

type poller struct {
	ticker *time.Ticker
	n      int
}

func (p *poller) start() {
	go func() {
		for range p.ticker.C { // want "Stop doesn't close a ticker's channel: this loop waits for ever"
			p.n++
		}
	}()
}

func (p *poller) close() { p.ticker.Stop() }

func (p *poller) run() {
	for { // want "Stop doesn't close"
		<-p.ticker.C
		p.n++
	}
}

func (p *poller) runSelect() {
	for { // want "Stop doesn't close"
		select {
		case <-p.ticker.C:
			p.n++
		}
	}
}

func local(done <-chan struct{}, work func()) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	go func() {
		for now := range t.C { // want "Stop doesn't close"
			if now.IsZero() {
				continue
			}
			work()
		}
	}()
	<-done
}

// The next round waits for a tick that never comes.
func inLoop(full func() bool) {
	t := time.NewTicker(time.Second)
	for range t.C { // want "Stop doesn't close"
		if full() {
			t.Stop()
		}
	}
}

// Who stops it is somebody else's to call.
func handed() (stop func()) {
	t := time.NewTicker(time.Second)
	go func() {
		for range t.C { // want "Stop doesn't close"
			println("tick")
		}
	}()
	return func() { t.Stop() }
}

// The return is that of a function in the loop.
func inClosure(t *time.Ticker, work func() bool) (stop func()) {
	go func() {
		for range t.C { // want "Stop doesn't close"
			func() {
				if work() {
					return
				}
				println("idle")
			}()
		}
	}()
	return t.Stop
}
