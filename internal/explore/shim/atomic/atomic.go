// Package atomic stands for the standard library's in source that is explored:
// each operation is a step. As one goroutine runs at a time, plain memory does.
package atomic

import "github.com/belay-go/belay/internal/explore"

// Bool stands for that of package sync/atomic.
type Bool = cell[bool]

// Pointer stands for that of package sync/atomic.
type Pointer[T any] struct{ cell[*T] }

// Integers of package sync/atomic.
type (
	Int32  = number[int32]
	Int64  = number[int64]
	Uint32 = number[uint32]
	Uint64 = number[uint64]
)

type cell[T comparable] struct{ v T }

// Load returns the value.
func (c *cell[T]) Load() T {
	explore.Step("Load")
	return c.v
}

// Store sets the value.
func (c *cell[T]) Store(v T) {
	explore.Step("Store")
	c.v = v
}

// Swap sets the value and returns the old one.
func (c *cell[T]) Swap(v T) (old T) {
	explore.Step("Swap")
	old, c.v = c.v, v
	return old
}

// CompareAndSwap sets the value if it is old.
func (c *cell[T]) CompareAndSwap(old, v T) bool {
	explore.Step("CompareAndSwap")
	if c.v != old {
		return false
	}
	c.v = v
	return true
}

type number[T int32 | int64 | uint32 | uint64] struct{ cell[T] }

// Add adds d and returns the sum.
func (n *number[T]) Add(d T) T {
	explore.Step("Add")
	n.v += d
	return n.v
}

// Or sets bits and returns the old value.
func (n *number[T]) Or(mask T) (old T) {
	explore.Step("Or")
	old = n.v
	n.v |= mask
	return old
}

// And clears all bits but those of mask and returns the old value.
func (n *number[T]) And(mask T) (old T) {
	explore.Step("And")
	old = n.v
	n.v &= mask
	return old
}
