//go:build unix && !linux

package handover

// Who made a socket is asked on Linux only.

// madeBy can't be told here: a new process whose old one died before it could
// look starts without sockets.
func madeBy(_, _ int) bool { return false }
