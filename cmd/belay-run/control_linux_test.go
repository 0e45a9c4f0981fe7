package main

// Another user asks, as only root can play it.

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// asNobody calls f on a thread that belongs to nobody, and that ends with f.
func asNobody(f func() error) error {
	result := make(chan error)
	go func() { // ends with f
		runtime.LockOSThread() // and never unlocks: the thread is of no use afterwards
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			result <- errno
			return
		}
		result <- f()
	}()
	return <-result
}

func TestAnotherUserIsRefusedThoughTheFolderLetsHimIn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Parallel()
	r := begin(t, serverArgs())
	r.ready()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "control")
	t.Cleanup(func() { _ = f.Close() })
	connect := func() error { return syscall.Connect(fd, &syscall.SockaddrUnix{Name: r.control()}) }
	require.ErrorIs(t, asNobody(connect), syscall.EACCES, "the folder doesn't let him in")
	require.NoError(t, os.Chmod(r.base, 0o711))
	require.NoError(t, os.Chmod(r.base+"/x", 0o711))
	require.ErrorIs(t, asNobody(connect), syscall.EACCES, "the socket doesn't either")
	require.NoError(t, os.Chmod(r.control(), 0o666))
	require.NoError(t, asNobody(connect))
	conn, err := net.FileConn(f)
	require.NoError(t, err)
	_, _ = io.WriteString(conn, "stop\n") // it may have hung up already
	answer, _ := io.ReadAll(conn)
	require.Empty(t, answer)
	require.NoError(t, conn.Close())
	r.says(`msg="control: refused" uid=65534`)
	require.Equal(t, "ready", r.status().State)
	r.stop()
}
