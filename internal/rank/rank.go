// Package rank numbers limits in the order in which they were first asked for
// their number. Whoever takes several of them takes them in this order, so that
// no two of such takers can wait for each other in a circle.
package rank

import "sync/atomic"

// last is the number given last.
var last atomic.Uint64

// Rank is the number of one limit. The zero value is ready to use.
type Rank struct{ n atomic.Uint64 }

// Number returns the same number, above zero, each time. It may be called
// concurrently.
func (r *Rank) Number() uint64 {
	if n := r.n.Load(); n != 0 {
		return n
	}
	r.n.CompareAndSwap(0, last.Add(1)) // a number that loses is nobody's
	return r.n.Load()
}
