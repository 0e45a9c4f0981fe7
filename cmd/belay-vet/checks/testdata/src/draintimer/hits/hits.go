// Package hits drains channels that have nothing in them.
package hits

import "time"

type conn struct {
	timer  *time.Timer
	ticker *time.Ticker
}

func guardedReceive(t *time.Timer) {
	if !t.Stop() {
		<-t.C // want "this receive is never reached or waits for ever"
	}
	t.Reset(time.Second)
}

func guardedSelect(c *conn) {
	if !c.timer.Stop() {
		// Old value.
		select { // want "this drain does nothing"
		case <-c.timer.C:
		default:
		}
	}
}

func guardedAndMore(t *time.Timer, n *int) {
	if !t.Stop() {
		<-t.C // want "never reached or waits for ever"
		*n++
	}
}

// More conditions, all of which must hold: no fix.
func conditions(t *time.Timer, read bool) {
	if !t.Stop() && !read {
		<-t.C // want "never reached or waits for ever"
	}
	if !read && !t.Stop() {
		<-t.C // want "never reached or waits for ever"
	}
	if !t.Stop() && len(t.C) > 0 {
		<-t.C // want "never reached or waits for ever"
	}
	if active := t.Stop(); !active {
		<-t.C // want "never reached or waits for ever"
	}
	stopped := t.Stop()
	if !stopped {
		<-t.C // want "never reached or waits for ever"
	}
}

func row(t *time.Timer) {
	t.Stop()
	<-t.C // want "this receive waits for ever"
}

func rowSelect(c *conn, n int) {
	switch n {
	case 1:
		c.timer.Stop()
		select { // want "this drain does nothing"
		case <-c.timer.C:
		default:
		}
	case 2:
		c.ticker.Stop()
		select { // want "this drain does nothing"
		default:
		case <-c.ticker.C:
		}
	}
}

// What it does with the value never happens: no fix.
func used(t *time.Timer) (fired bool) {
	t.Stop()
	select { // want "this drain does nothing"
	case <-t.C:
		fired = true
	default:
	}
	return fired
}

func reset(t *time.Timer) {
	if !t.Reset(time.Minute) {
		<-t.C // want "waits until the timer fires anew"
	}
	if !t.Reset(time.Minute) {
		select { // want "does nothing, or takes the new value"
		case <-t.C:
		default:
		}
	}
}

func length(t *time.Timer, k *time.Ticker) int {
	for len(t.C) > 0 { // want "its len is always 0"
		<-t.C
	}
	if len(k.C) != 0 { // want "its len is always 0"
		<-k.C
	}
	return len(t.C) // want "its len is always 0"
}

// There is an else: no fix.
func lengthElse(t *time.Timer) {
	if len(t.C) > 0 { // want "its len is always 0"
		<-t.C
	} else {
		println("empty")
	}
}
