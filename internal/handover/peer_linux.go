package handover

// Who made a socket, for a new process whose old one is gone.

import "syscall"

// madeBy reports whether fd is one end of a pair of sockets that the process
// pid has made.
func madeBy(fd, pid int) bool {
	cred, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	return err == nil && int(cred.Pid) == pid
}
