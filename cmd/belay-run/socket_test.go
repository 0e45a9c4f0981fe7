//go:build unix

package main

// What -listen takes, and what is bound and removed.

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASocketIsWrittenAsNameAndAddress(t *testing.T) {
	for text, want := range map[string]socket{
		":80":                 {name: "listen", network: "tcp", addr: ":80"},
		"http=:80":            {name: "http", network: "tcp", addr: ":80"},
		"http=tcp:[::1]:80":   {name: "http", network: "tcp", addr: "[::1]:80"},
		"udp:127.0.0.1:53":    {name: "listen", network: "udp", addr: "127.0.0.1:53"},
		"dns=udp::53":         {name: "dns", network: "udp", addr: ":53"},
		"unix:/run/a=b":       {name: "listen", network: "unix", addr: "/run/a=b"},
		"a.b-c_1=unix:x":      {name: "a.b-c_1", network: "unix", addr: "x"},
		"log=unixgram:@there": {name: "log", network: "unixgram", addr: "@there"},
		"unix=:80":            {name: "unix", network: "tcp", addr: ":80"},
	} {
		got, err := parseSocket(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "80", "http=", "unix:", "udp:53", "=:80", "a b=:80", "a\n=:80", "ü=:80"} {
		_, err := parseSocket(text)
		require.Error(t, err, text)
	}
}

// Names go into one variable, with colons in between.
func FuzzParseSocket(f *testing.F) {
	for _, text := range []string{":80", "http=[::1]:80", "unix:/run/a=b", "x=udp::53", "=", "unixgram:@", "tcp:udp:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSocket(text)
		if err != nil {
			return
		}
		require.Regexp(t, `^[A-Za-z0-9_.-]+$`, s.name)
		require.NotEmpty(t, s.addr)
		again, err := parseSocket(s.name + "=" + s.network + ":" + s.addr)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

func TestASocketBlocksAndIsLeftToNoChildByAccident(t *testing.T) {
	dir := shortDir(t)
	for _, s := range []socket{
		{network: "tcp", addr: "127.0.0.1:0"}, {network: "udp", addr: "127.0.0.1:0"},
		{network: "unix", addr: filepath.Join(dir, "s")}, {network: "unixgram", addr: filepath.Join(dir, "g")},
	} {
		require.NoError(t, s.open())
		fd := s.file.Fd()
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		require.Zero(t, errno)
		require.Zero(t, flags&syscall.O_NONBLOCK, s.network)
		flags, _, errno = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
		require.Zero(t, errno)
		require.NotZero(t, flags&syscall.FD_CLOEXEC, s.network)
		s.close()
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheAddressThatIsShownIsTheOneThatWasBound(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		s := socket{network: network, addr: "127.0.0.1:0"}
		require.NoError(t, s.open())
		require.NotEqual(t, "127.0.0.1:0", s.addr, network)
		s.close()
	}
}

func TestABindThatFailsRemovesNothingOfOthers(t *testing.T) {
	dir := shortDir(t)
	file, target, link := filepath.Join(dir, "file"), filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	ln, err := net.Listen("unix", target)
	require.NoError(t, err)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, ln.Close()) // stale, and only seen through a link
	require.NoError(t, os.Symlink(target, link))
	for _, network := range []string{"unix", "unixgram"} {
		for _, path := range []string{file, link} {
			s := socket{network: network, addr: path}
			require.Error(t, s.open())
			s.close()
			_, err := os.Lstat(path)
			require.NoError(t, err, "it was removed")
		}
	}
	_, err = os.Lstat(target)
	require.NoError(t, err, "it was removed through a link")
}

func TestAStaleSocketIsReplacedAndOneThatLivesIsNot(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	a, b := socket{network: "unix", addr: path}, socket{network: "unix", addr: path}
	require.NoError(t, a.open())
	require.ErrorContains(t, b.open(), "somebody listens there")
	b.close()
	require.NoError(t, a.file.Close()) // as if killed
	c := socket{network: "unix", addr: path}
	require.NoError(t, c.open())
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	c.close()
}

// Such a name is in no file system, though a file may be called like it.
func TestAnAbstractSocketIsNoFile(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("a thing of Linux")
	}
	t.Chdir(shortDir(t))
	require.NoError(t, os.WriteFile("@belay-run-test", nil, 0o600))
	s := socket{network: "unix", addr: "@belay-run-test"}
	require.NoError(t, s.open())
	s.close()
	_, err := os.Stat("@belay-run-test")
	require.NoError(t, err)
}
