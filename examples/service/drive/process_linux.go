package drive

// What the kernel is asked to do for a child on Linux: besides a process
// group of its own, to kill it should the driver die without a chance to.

import "syscall"

// tied puts a child into a group of its own, so that a ctrl-C is the
// driver's alone, and ties its life to ours. The kernel watches the thread
// that started the child; Go ends a thread only when a goroutine exits that
// is locked to it, and this program locks none.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
