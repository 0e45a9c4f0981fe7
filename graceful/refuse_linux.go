package graceful

// Keeping new TCP connections out of a listening socket, on Linux.

import (
	"errors"
	"net"
	"syscall"
)

// refuse makes the kernel drop every pure SYN that reaches ln, so that no new
// handshake begins while those under way end and the queue is emptied. Between
// the last accept and the close of an open socket, a connection could still
// complete its handshake, only to be reset; here, its client tries again after
// a second and finds the port closed.
//
// The filter belongs to the socket, not to the descriptor: a process that
// shares the socket would get no connection either. It needs no privilege.
func refuse(ln net.Listener) error {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	const flags, syn, ack, all = 13, 0x02, 0x10, 0xffff // offset in the TCP header, its bits, a length
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: flags},
		{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: syn | ack},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, Jt: 0, Jf: 1, K: syn},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: all},
	}
	var attach error
	//lint:ignore SA1019 what is in its place would be a dependency, for one call
	if err := raw.Control(func(fd uintptr) { attach = syscall.AttachLsf(int(fd), filter) }); err != nil {
		return err
	}
	return attach
}
