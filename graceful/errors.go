package graceful

// The errors of components, and the causes that are not signals.

import (
	"errors"
	"fmt"
)

var (
	errStop     = errors.New("graceful: stop asked for by the program")
	errReturned = errors.New("returned before its stop")
)

// A ComponentError is the failure of one component. It is immutable.
type ComponentError struct {
	Name  string // of the component
	Stage string // "bind", "start", "run" or "stop"
	Err   error  // what it returned; belay.ErrGoexit, *belay.PanicError, *ctxutil.TimeoutError
}

// Error names the component and the stage.
func (e *ComponentError) Error() string {
	return fmt.Sprintf("graceful: %s: %s: %v", e.Name, e.Stage, e.Err)
}

// Unwrap returns Err.
func (e *ComponentError) Unwrap() error { return e.Err }
