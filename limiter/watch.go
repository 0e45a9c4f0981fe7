package limiter

// This file finds out who holds a limit that nothing is left of.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
)

// Watched is a limit that can say who holds it, made by [Watch]. All methods may
// be called concurrently.
// It orders memory as its limit does.
type Watched struct {
	limit    Limiter
	tracking atomic.Bool
	mu       struct {
		sync.Mutex
		holdings map[*holding]struct{}
	}
}

// holding is one permit of a limit that was being tracked when it was taken.
type holding struct {
	w     *Watched
	since time.Time
	stack [32]uintptr  // of Take's caller; zeros at the end
	units atomic.Int64 // changed by each Settle by what it changed, in whatever order
}

// Holder is one permit that is held. It is a plain value.
type Holder struct {
	Units int64         // that it holds; if of a [Composite], of each of its limits
	Age   time.Duration // since it was granted
	Stack string        // of the call of Take or TryTake, without the arguments
}

// String returns units and age in the first line, and the stack below.
func (h Holder) String() string {
	return fmt.Sprintf("%d held for %v by\n%s", h.Units, h.Age.Round(time.Millisecond), h.Stack)
}

// Watch returns the limit as one that can list its holders: for the day on
// which permits leak, or two calls wait for what the other has. Until
// [Watched.Track] is called it costs one atomic load a call.
//
// It panics with "limiter: Watch of a nil limiter" if l is nil.
func Watch(l Limiter) *Watched {
	if l == nil {
		panic("limiter: Watch of a nil limiter")
	}
	return &Watched{limit: l}
}

// Track turns the tracking of holders on or off, from the next Take on. While
// it is on each permit costs a stack trace, of about a microsecond, and an
// allocation.
func (w *Watched) Track(on bool) { w.tracking.Store(on) }

// Take is the Take of the limit.
func (w *Watched) Take(ctx context.Context, n int64) (Permit, error) {
	p, err := w.limit.Take(ctx, n)
	if err == nil && w.tracking.Load() {
		p = w.track(p, n)
	}
	return p, err
}

// TryTake is the TryTake of the limit.
func (w *Watched) TryTake(n int64) (Permit, error) {
	p, err := w.limit.TryTake(n)
	if err == nil && w.tracking.Load() {
		p = w.track(p, n)
	}
	return p, err
}

// booker is the limit's own, watched.
func (w *Watched) booker(book booker) booker {
	return func(n int64, patience time.Duration) (Permit, time.Duration, error) {
		p, wait, err := book(n, patience)
		if err == nil && w.tracking.Load() {
			p = w.track(p, n)
		}
		return p, wait, err
	}
}

// track puts a permit on the list, unless it holds nothing, and returns one that
// takes it off again.
func (w *Watched) track(p Permit, n int64) Permit {
	if p == (Permit{}) {
		return p
	}
	h := &holding{w: w, since: time.Now()}
	h.units.Store(n)
	runtime.Callers(3, h.stack[:]) // without Callers, track and who called it
	w.mu.Lock()
	if w.mu.holdings == nil {
		w.mu.holdings = map[*holding]struct{}{}
	}
	w.mu.holdings[h] = struct{}{}
	w.mu.Unlock()
	return newWatched(p, h)
}

// drop takes the holding off the list.
func (h *holding) drop() {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	delete(h.w.mu.holdings, h)
}

// Holders returns the permits that are held and were taken while tracking was
// on, the oldest first. Of a rate these are those not yet released, although
// it gets nothing back. Who was let off by a [Shadowed] limit, and has the permit
// that holds nothing, is not among them. A [Permit.Settle] shows by what it
// changed: a limit on what is in flight gives no more than was taken, and one
// within a [Composite] only gets back what is released. Holders takes time in
// proportion to their number.
func (w *Watched) Holders() []Holder {
	w.mu.Lock()
	holdings := make([]*holding, 0, len(w.mu.holdings))
	for h := range w.mu.holdings {
		holdings = append(holdings, h)
	}
	w.mu.Unlock()
	slices.SortFunc(holdings, func(a, b *holding) int { return a.since.Compare(b.since) })
	now := time.Now()
	holders := make([]Holder, len(holdings))
	for i, h := range holdings {
		holders[i] = Holder{Units: h.units.Load(), Age: now.Sub(h.since), Stack: h.trace()}
	}
	return holders
}

// trace prints the stack as the runtime does.
func (h *holding) trace() string {
	depth := slices.Index(h.stack[:], 0)
	if depth < 0 {
		depth = len(h.stack)
	}
	var text strings.Builder
	frames := runtime.CallersFrames(h.stack[:depth])
	for {
		f, more := frames.Next()
		fmt.Fprintf(&text, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return text.String()
		}
	}
}

// Stats returns those of the limit, if it has any.
func (w *Watched) Stats() belay.Stats { return statsOf(w.limit) }
