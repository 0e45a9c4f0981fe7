package httptimeout

// This file decides whose the response is: the handler's or the deadline's.
//
//	open     no header was sent              the ResponseWriter is idle, or lent
//	begun    the handler has sent its own    it is the handler's alone
//	expired  the deadline came first         it is whose transition it was, for
//	                                         the 503, and then nobody's
//	over     the handler has ended           it is the server's again
//
//	open    -> begun    the handler's first write, flush or hijacking in time
//	open    -> expired  the timer; or, before it comes, a write or the return of
//	                    the handler that is late
//	open, begun, expired -> over   the handler's end
//
// Only open is a state in which two could want the ResponseWriter. There the
// handler borrows it for the calls that send no final header, such as a 103, and
// a deadline that comes meanwhile is made up for when it is given back. So the
// lock is never held while somebody writes: a client that doesn't read holds up
// whoever writes to it, and neither the timer nor the other side.
//
// Late is who comes at the deadline or after it, by the clock. That the timer
// is or isn't there yet makes no difference, so a handler that returns, or
// answers, because its context is done can't be now in time and now not.

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"
)

// state is whose the response is; the comment on top of the file draws it.
type state int

const (
	open state = iota
	begun
	expired
	over
)

var errOver = errors.New("httptimeout: the handler has returned")

// exchange is one request and its response. It is the handler's ResponseWriter.
type exchange struct {
	h        *Handler
	w        http.ResponseWriter // the server's; state says whose
	r        *http.Request       // as it came
	ctx      context.Context     // the handler's; the exchange ends with it
	deadline time.Time           // of ctx
	expects  bool                // the client waits for a 100 before it sends the body, by HTTP/1

	// header is the handler's own map, since the deadline needs one while the
	// handler may write to this.
	header http.Header
	outer  http.Header // what was set before us, once w has header's instead; may be nil

	work sync.WaitGroup // whoever is at work beside the handler; added to with mu held, and not when over
	mu   struct {
		sync.Mutex
		state       state
		lent        int         // calls of the handler that use w in state open
		due         bool        // the deadline came while it was lent
		passed      bool        // the timer has come for the deadline; next is the Patience
		overstaying bool        // reported, and counted in h
		timer       *time.Timer // nothing arms it when over
	}
}

// begin arms the timer for the deadline.
func (x *exchange) begin() {
	if header := x.w.Header(); len(header) > 0 {
		x.header = header.Clone()
	} else {
		x.header = make(http.Header)
	}
	x.mu.Lock() // or else the timer could come before it is there
	x.mu.timer = time.AfterFunc(time.Until(x.deadline), x.tick)
	x.mu.Unlock()
}

func (x *exchange) late() bool { return !time.Now().Before(x.deadline) }

// tick is the timer's: once for the deadline, and once for the Patience.
func (x *exchange) tick() {
	x.mu.Lock()
	if x.mu.state == over {
		x.mu.Unlock()
		return
	}
	x.work.Add(1)
	defer x.work.Done()
	if x.mu.passed {
		x.mu.overstaying = true
		x.h.overstaying.Add(1)
		x.mu.Unlock()
		x.h.opts.OnOverstay(x.r, time.Since(x.deadline))
		return
	}
	x.mu.passed = true
	if patience := x.h.opts.Patience; patience >= 0 {
		x.mu.timer.Reset(patience - time.Since(x.deadline))
	}
	expire := x.mu.state == open && x.mu.lent == 0
	x.mu.due = x.mu.lent > 0
	if expire {
		x.mu.state = expired
	}
	x.mu.Unlock()
	if expire {
		x.answer()
	}
}

// settling is how long a context may take to keep its own deadline.
const settling = 100 * time.Millisecond

// answer sends the 503. Its caller has made the transition to expired.
//
// A client that has its answer may close the connection, and then the server
// cancels the request. By then the handler's context has to have ended, or its
// cause would be that the client has gone. Its timer is due; only of somebody's
// own context, which is not done at its deadline, is nothing to be expected.
func (x *exchange) answer() {
	timer := time.NewTimer(settling)
	select {
	case <-x.ctx.Done():
	case <-timer.C:
	}
	timer.Stop()
	if x.outer != nil {
		replace(x.w.Header(), x.outer)
	}
	if x.expects {
		// Since Go 1.27 the server takes the lock of such a body before it sends
		// a header, and whoever waits for the body holds it. This lets go of it.
		// Nothing more could be read: the connection is closed after the answer.
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Unix(1, 0))
	}
	x.h.refuse(x.w, x.r)
}

// claim makes w the handler's, for good, and says why it can't be.
func (x *exchange) claim() error {
	first, err := x.enter(func() { x.mu.state = begun })
	if first {
		replace(x.w.Header(), x.header)
	}
	return err
}

// borrow makes w the handler's until giveBack, unless it is anyway.
func (x *exchange) borrow() (lent bool, err error) {
	return x.enter(func() { x.mu.lent++ })
}

// enter calls take, with the lock held, if no header was sent yet and it is not
// too late to send one; if it is, it expires the exchange.
func (x *exchange) enter(take func()) (taken bool, err error) {
	x.mu.Lock()
	switch {
	case x.mu.state == begun:
	case x.mu.state == expired:
		err = http.ErrHandlerTimeout
	case x.mu.state == over:
		err = errOver
	case !x.late():
		take()
		taken = true
	case x.mu.lent > 0: // to another goroutine of the handler, which will answer
		x.mu.due = true
		err = http.ErrHandlerTimeout
	default:
		x.expireAndUnlock()
		return false, http.ErrHandlerTimeout
	}
	x.mu.Unlock()
	return taken, err
}

// expireAndUnlock takes an open exchange to expired, and answers without the lock.
func (x *exchange) expireAndUnlock() {
	x.mu.state = expired
	x.work.Add(1)
	x.mu.Unlock()
	defer x.work.Done()
	x.answer()
}

// giveBack ends a loan. If the handler has hijacked the connection meanwhile, w
// stays its own.
func (x *exchange) giveBack(lent, hijacked bool) {
	if !lent {
		return
	}
	x.mu.Lock()
	x.mu.lent--
	switch {
	case x.mu.state != open:
	case hijacked:
		x.mu.state = begun
	case x.mu.due && x.mu.lent == 0:
		x.expireAndUnlock()
		return
	}
	x.mu.Unlock()
}

// finish is for a handler that has returned. One that comes late and has sent
// nothing leaves the answer to the deadline; of any other the last changes to the
// header count, for the server has a header to send, or trailers.
func (x *exchange) finish() {
	x.mu.Lock()
	if x.mu.state == open && x.late() {
		x.expireAndUnlock()
		return
	}
	export := x.mu.state != expired
	x.mu.state = over
	x.mu.Unlock()
	if export {
		replace(x.w.Header(), x.header)
	}
}

// end makes w the server's, whether the handler has returned or panicked.
func (x *exchange) end() {
	x.mu.Lock()
	x.mu.state = over
	x.mu.timer.Stop()
	if x.mu.overstaying {
		x.h.overstaying.Add(-1)
	}
	x.mu.Unlock()
	x.work.Wait()
}

// replace makes to the same as from.
func replace(to, from http.Header) {
	clear(to)
	maps.Copy(to, from)
}
