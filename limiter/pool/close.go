package pool

// This file is the end of a pool.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/limiter"
)

// CloseError reports what was left when the context of a [Pool.Close] was done. It
// is immutable, and Is both what ended the context and why.
type CloseError struct {
	Out     int64            // resources that were lent and not given back
	Places  int64            // held by permits
	Opening int64            // calls of Open that had not returned
	Closing int64            // calls of Close that had not returned
	Tending int64            // resources that were being checked in idle time
	Holders []limiter.Holder // of Out, those taken while the pool tracked; see [Pool.Track]
	Err     error            // of the context
}

// Error says what was left in the first line, and who has it in those below.
func (e *CloseError) Error() string {
	var text strings.Builder
	text.WriteString("pool: closed with")
	sep := " "
	for _, part := range []struct {
		n    int64
		what string
	}{{e.Out, "out"}, {e.Places, "taken by permits"}, {e.Opening, "opening"}, {e.Closing, "closing"}, {e.Tending, "in a check"}} {
		if part.n > 0 {
			fmt.Fprintf(&text, "%s%d %s", sep, part.n, part.what)
			sep = ", "
		}
	}
	fmt.Fprintf(&text, ": %v", e.Err)
	for _, h := range e.Holders {
		fmt.Fprintf(&text, "\n%v", h)
	}
	return text.String()
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// Timeout reports whether it was a deadline that ended the context.
func (e *CloseError) Timeout() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

// Close closes the pool, now: who waits and who comes is refused with [ErrClosed],
// the contexts of Open and of Check in idle time end, and what is idle is closed,
// as is all else when it is given back. Then it waits until nothing is left: no
// resource, no permit, no goroutine. It returns nil once that is so, also if ctx is
// done, and a [*CloseError] if ctx gets done before; the rest ends all the
// same, and can be waited for by another Close.
//
// It panics with "pool: Close with a nil context" if ctx is nil.
func (p *Pool[T]) Close(ctx context.Context) error {
	if ctx == nil {
		panic("pool: Close with a nil context")
	}
	now := p.now()
	done := ctx.Done()
	ended := make(chan struct{})
	p.lock()
	cancels := p.shutLocked(now)
	p.mu.Unlock()
	for _, cancel := range cancels {
		cancel(ErrClosed)
	}
	p.mu.Lock()
	if p.emptyLocked() {
		p.mu.Unlock()
		return nil
	}
	if p.mu.ends == nil {
		p.mu.ends = map[chan struct{}]bool{}
	}
	p.mu.ends[ended] = true
	p.mu.Unlock()
	select {
	case <-ended:
		return nil
	case <-done:
	}
	err := ctxerr.Of(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.mu.ends, ended); p.emptyLocked() {
		return nil
	}
	return &CloseError{
		Out:     p.mu.count[out],
		Places:  p.mu.places,
		Opening: p.mu.count[opening],
		Closing: p.mu.count[closing],
		Tending: p.mu.count[checking],
		Holders: p.holdersLocked(),
		Err:     err,
	}
}

// shutLocked closes the pool for all calls to come, and returns what ends the
// contexts of what goes on.
func (p *Pool[T]) shutLocked(now instant) (cancels []context.CancelCauseFunc) {
	if p.mu.closed {
		return nil
	}
	p.mu.closed = true
	for w := p.mu.line.First(); w != nil; w = p.mu.line.First() {
		w.Value.err = errClosed
		p.mu.stats.Refused++
		p.dismissLocked(w, refused)
	}
	for i := p.mu.idle.First(); i != nil; i = p.mu.idle.First() {
		p.closeLocked(i.Value)
	}
	for i := p.mu.all.First(); i != nil; i = i.Next() {
		if i.Value.cancel != nil {
			cancels = append(cancels, i.Value.cancel)
		}
	}
	p.settleLocked(now)
	return cancels
}

// endLocked wakes those who wait for the end, if this is it.
func (p *Pool[T]) endLocked() {
	if !p.emptyLocked() {
		return
	}
	for ended := range p.mu.ends {
		close(ended)
	}
	p.mu.ends = nil
}

func (p *Pool[T]) emptyLocked() bool {
	return p.mu.all.Len() == 0 && p.mu.places == 0 && !p.mu.tending
}
