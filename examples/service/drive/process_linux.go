package drive

// What the kernel is asked to do for a child on Linux: besides a process
// group of its own, to kill it should the driver die without a chance to.

import (
	"fmt"
	"syscall"
)

// tied puts a child into a group of its own, so that a ctrl-C is the
// driver's alone, and ties its life to ours. The kernel watches the thread
// that started the child; Go ends a thread only when a goroutine exits that
// is locked to it, and this program locks none.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// adopt makes processes whose parent ends our own children, so that we can wait
// for them as for others.
func adopt() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("adopting orphans: %w", errno)
	}
	return nil
}

// reap returns the exit code of a process that has ended, -1 if it was killed;
// gone is false before that, and as long as its parent is there.
func reap(pid int) (exit int, gone bool) {
	var status syscall.WaitStatus
	for {
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, !exists(pid) // not ours, or not any more
		case got != pid:
			return 0, false
		}
		return status.ExitStatus(), true
	}
}
