package errgroup

// This file makes a panic an error, for groups that were asked to.

import (
	"fmt"
	"os"
	"runtime"

	"github.com/belay-go/belay"
)

// caught must be called while the frames that panicked are still on the stack.
func (x *options) caught(value any) bool {
	if !x.PanicsAsErrors {
		return false
	}
	e, again := value.(*belay.PanicError) // of a group within, whose stack says more than ours
	if !again {
		e = &belay.PanicError{Value: value, Stack: stack()}
	}
	x.g.lock()
	x.g.mu.stats.Panicked++
	x.g.mu.Unlock()
	x.g.fail(e)
	if x.OnPanic != nil {
		x.OnPanic(e)
	} else {
		fmt.Fprintf(os.Stderr, "%spanic: %v\n\n%s\n", x.called(), e.Value, e.Stack)
	}
	return true
}

// stack returns the whole stack of the calling goroutine.
func stack() []byte {
	for buf := make([]byte, 4096); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, false); n < len(buf) {
			return buf[:n]
		}
	}
}
