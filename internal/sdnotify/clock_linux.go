package sdnotify

// The clock of the service manager.

import (
	"syscall"
	"unsafe"
)

// Monotonic returns CLOCK_MONOTONIC in microseconds, which the service manager
// compares with its own: package time shows only differences of it, and package
// syscall has no function for it. The pointer is to a variable that outlives the
// call, as unsafe.Pointer's rule for syscall.Syscall wants it.
func Monotonic() (usec int64, ok bool) {
	const monotonic = 1
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano() / 1000, errno == 0
}
