// Package misses has loops over tickers with an end of their own, or with none.
package misses

import "time"

type poller struct{ ticker, other, paused *time.Ticker }

// Nobody stops this one.
func (p *poller) forever() {
	for range p.other.C {
		println("tick")
	}
}

func (p *poller) close() { p.ticker.Stop() }

// It may find its own way out.
func (p *poller) leaves(done func() bool) {
	for range p.ticker.C {
		if done() {
			return
		}
	}
	for range p.ticker.C {
		if done() {
			break
		}
	}
again:
	for {
		for range p.ticker.C {
			if done() {
				continue again
			}
		}
	}
}

// It goes on after a pause.
func (p *poller) pause(on bool) {
	if on {
		p.paused.Stop()
	} else {
		p.paused.Reset(time.Second)
	}
}

func (p *poller) run() {
	for range p.paused.C {
		println("tick")
	}
}

func (p *poller) selects(done <-chan struct{}) {
	for {
		select {
		case <-p.ticker.C:
		case <-done:
			return
		}
	}
}

// The loop never ends, and with it the function: its Stop is never reached.
func own() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for range t.C {
		println("tick")
	}
}

func ownFunc() {
	t := time.NewTicker(time.Second)
	defer func() { t.Stop() }()
	for range t.C {
		println("tick")
	}
}

// Since Go 1.23 it is collected.
func unstopped() {
	t := time.NewTicker(time.Second)
	<-t.C
	for range 1000 {
		<-time.Tick(time.Second)
	}
}

func timer(t *time.Timer, stop chan func() bool) {
	stop <- func() bool { return t.Stop() }
	for range t.C {
		println("once")
	}
}
