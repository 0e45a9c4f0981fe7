//go:build unix && !linux

package main

// What other systems are asked to do: who may connect to the control socket is
// said by its folder alone.

import (
	"os"
	"syscall"
)

func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func adopt() {}

func ownPath() (string, error) { return os.Executable() }

// ours believes what a server says of itself.
func ours(int) bool { return true }

func mayAsk(int) (uid, pid int, ok bool) { return -1, -1, true }
