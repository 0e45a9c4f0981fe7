//go:build !linux

package graceful

// Elsewhere, the kernel's own idea of a dead peer holds.

import "net"

func userTimeout(net.Conn) {}
