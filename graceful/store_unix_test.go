//go:build unix

package graceful_test

// Sockets in the store of a service manager, which is played here: it keeps what
// it is sent, and starts the service with it again.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A keeper of sockets, as systemd is one.
type store struct {
	t     *testing.T
	conn  *net.UnixConn
	env   string // NOTIFY_SOCKET
	names []string
	files []*os.File
}

func newStore(t *testing.T) *store {
	t.Helper()
	conn, variable := notifySocket(t, socketPath(t))
	st := &store{t: t, conn: conn, env: variable}
	t.Cleanup(func() {
		for _, f := range st.files {
			_ = f.Close()
		}
	})
	return st
}

// next returns the next message that is about the store or says READY, and acts on it.
func (st *store) next() string {
	st.t.Helper()
	for {
		data, control := make([]byte, 8192), make([]byte, 256)
		n, controls, _, _, err := st.conn.ReadMsgUnix(data, control)
		require.NoError(st.t, err)
		text := string(data[:n])
		name := text[strings.LastIndex(text, "=")+1:]
		switch {
		case strings.HasPrefix(text, "FDSTORE=1\n"):
			messages, err := syscall.ParseSocketControlMessage(control[:controls])
			require.NoError(st.t, err)
			require.Len(st.t, messages, 1, "a message without its descriptor")
			fds, err := syscall.ParseUnixRights(&messages[0])
			require.NoError(st.t, err)
			require.Len(st.t, fds, 1)
			st.names, st.files = append(st.names, name), append(st.files, os.NewFile(uintptr(fds[0]), name))
			return text
		case strings.HasPrefix(text, "FDSTOREREMOVE=1\n"), strings.HasPrefix(text, "READY=1"):
			return text
		}
	}
}

// start starts the service with all that is kept.
func (st *store) start(pairs ...string) *service {
	st.t.Helper()
	pairs = append(pairs, st.env, "FDSTORE=8", "PROBATION=50ms",
		"LISTEN_FDS="+strconv.Itoa(len(st.files)), "LISTEN_FDNAMES="+strings.Join(st.names, ":"))
	s := &service{child: spawn(st.t, "activated", env(pairs...), func(cmd *exec.Cmd) { cmd.ExtraFiles = st.files })}
	s.ready()
	return s
}

func TestASocketInTheStoreOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			st := newStore(t)
			addr, want, pairs := "", "http@127.0.0.1_0", []string(nil)
			if network == "unix" {
				addr = socketPath(t)
				want, pairs = "http@unix_"+addr, []string{"SOCKET=" + addr}
			}
			s := st.start(pairs...)
			require.Equal(t, "READY=1", st.next())
			require.Equal(t, "FDSTORE=1\nFDNAME="+want, st.next())
			if network == "tcp" {
				addr = s.addr
			}
			// A new process that takes its place has nothing to store.
			old := s.pid
			s.replaceAt(addr)
			s.saw(fmt.Sprintf("process %d is done: <nil>", old))
			require.Equal(t, strconv.Itoa(s.pid), askOver(t, network, addr, "/pid"))
			s.kill(syscall.SIGTERM)
			require.Equal(t, 0, s.exit(), "%s", s.output())
			require.Len(t, st.files, 1)

			// While nobody is there, who comes waits.
			answers := make(chan string, 1)
			c, err := net.DialTimeout(network, addr, patience)
			require.NoError(t, err, "the queue is open")
			defer c.Close()
			go func() { // ends with its answer, or with the connection
				_ = c.SetDeadline(time.Now().Add(patience))
				_, _ = fmt.Fprint(c, "GET /pid HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				answers <- string(buf[:n])
			}()
			s = st.start(pairs...)
			require.Contains(t, <-answers, "\r\n\r\n"+strconv.Itoa(s.pid))
			require.Equal(t, strconv.Itoa(s.pid), askOver(t, network, addr, "/pid"))
			s.kill(syscall.SIGTERM)
			require.Equal(t, 0, s.exit(), "%s", s.output())
			require.Len(t, st.files, 1, "it was not stored twice")
			require.NotContains(t, s.output(), "no component takes this socket")
		})
	}
}

func TestASocketOfAnAddressThatNobodyAsksForLeavesTheStore(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	file := filepath.Join(t.TempDir(), "addr")
	ask := func(addr string) { require.NoError(t, os.WriteFile(file, []byte(addr), 0o600)) }
	ask("127.0.0.1:0")
	s := st.start("ADDR_FILE=" + file)
	first := s.addr
	require.Equal(t, "READY=1", st.next())
	require.Equal(t, "FDSTORE=1\nFDNAME=http@127.0.0.1_0", st.next())
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())

	ask("localhost:0")
	s = st.start("ADDR_FILE=" + file)
	require.NotEqual(t, first, s.addr)
	for text := st.next(); text != "FDSTOREREMOVE=1\nFDNAME=http@127.0.0.1_0"; text = st.next() {
		require.NotContains(t, text, "FDSTORE=1", "first what is outdated")
	}
	require.Equal(t, "FDSTORE=1\nFDNAME=http@localhost_0", st.next())
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestWithoutAStoreNothingIsStored(t *testing.T) {
	t.Parallel()
	for _, most := range []string{"", "0", "-1", "many"} {
		st := newStore(t)
		s := serve(t, st.env, "FDSTORE="+most)
		s.kill(syscall.SIGTERM)
		require.Equal(t, 0, s.exit(), "%s", s.output())
		require.NoError(t, st.conn.SetReadDeadline(time.Now().Add(time.Second)))
		for heard := ""; !strings.Contains(heard, "STATUS=stopped"); {
			data := make([]byte, 8192)
			n, err := st.conn.Read(data)
			require.NoError(t, err)
			heard = string(data[:n])
			require.NotContains(t, heard, "FDSTORE")
		}
	}
}
