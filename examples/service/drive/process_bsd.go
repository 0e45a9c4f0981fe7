//go:build unix && !linux

package drive

// What the kernel is asked to do for a child where it has no way to tie the
// child's life to ours.

import "syscall"

// tied puts a child into a group of its own, so that a ctrl-C is the driver's
// alone.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func adopt() error { return nil }

// reap can't know the exit code of a process that is not ours.
func reap(pid int) (exit int, gone bool) { return 0, !exists(pid) }
