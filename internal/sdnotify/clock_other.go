//go:build !linux

package sdnotify

// The clock of the service manager is read on Linux only.

// Monotonic can't be told, and no service manager asks for it here.
func Monotonic() (usec int64, ok bool) { return 0, false }
