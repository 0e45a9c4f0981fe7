package main

// What the kernel is asked to do for a server on Linux, and for this process.

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// tied puts a server into a group of its own, so that a ctrl-C is ours to pass on,
// and has it killed when we are: nothing is to be left listening.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// adopt makes orphans of the servers our children: a server that has put another
// process in its place is to stay in sight.
func adopt() {
	const setChildSubreaper = 36                                          // PR_SET_CHILD_SUBREAPER
	_, _, _ = syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0) // without it they go to process 1
}

// ownPath is this program, also if its file is replaced meanwhile.
func ownPath() (string, error) { return "/proc/self/exe", nil }

// ours reports whether a process descends from this one.
func ours(pid int) bool {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return true // /proc isn't ours to read: as without it
	}
	for range 64 { // deeper than any that makes sense
		if pid == os.Getpid() {
			return true
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			return false
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the name before may have blanks
		if len(fields) < 2 {
			return false
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return false
		}
	}
	return false
}

// mayAsk reports whether the process at the other end of a control connection may
// ask for anything: our own user's and root's may.
func mayAsk(fd int) (uid, pid int, ok bool) {
	cred, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return -1, -1, false
	}
	return int(cred.Uid), int(cred.Pid), cred.Uid == 0 || int(cred.Uid) == os.Geteuid()
}
