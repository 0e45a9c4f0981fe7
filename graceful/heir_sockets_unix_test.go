//go:build unix

package graceful_test

// What becomes of the sockets in a restart, also of those that are not the same
// in the new process.

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// freeAddr returns an address that nobody has, at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// at asks at an address that need not be that of the service.
func (s *service) at(addr, path string) string {
	s.t.Helper()
	if strings.HasPrefix(addr, "/") {
		return askOver(s.t, "unix", addr, path)
	}
	return askOver(s.t, "tcp", addr, path)
}

// replaceAt restarts as soon as there is room for one more process.
func (s *service) replaceAt(addr string) {
	s.t.Helper()
	limit := time.Now().Add(patience)
	for why := s.at(addr, "/restart-now"); why != ""; why = s.at(addr, "/restart-now") {
		require.Regexp(s.t, "still there|on probation", why)
		require.True(s.t, time.Now().Before(limit), why)
		wait(10 * time.Millisecond)
	}
	s.ready()
}

// refusedAt demands that nobody listens there.
func refusedAt(t *testing.T, addr string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err == nil {
		_ = c.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestAUnixSocketStaysWhereItIsUntilTheEndOfTheLastProcess(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	s := serve(t, "SOCKET="+path, "PROBATION=50ms")
	before, err := os.Stat(path)
	require.NoError(t, err)
	for range 3 {
		old := s.pid
		s.replaceAt(path)
		s.saw(fmt.Sprintf("process %d is done: <nil>", old))
		require.Equal(t, strconv.Itoa(s.pid), s.at(path, "/pid"))
		now, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, os.SameFile(before, now))
	}
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	require.NoFileExists(t, path)
}

func TestAUnixSocketStaysWhereItIsIfTheOldProcessServesAgain(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		for _, point := range []string{"up", "accepted", "accepting said"} {
			t.Run(sig.String()+", "+point, func(t *testing.T) {
				t.Parallel()
				path := socketPath(t)
				f := raise(t, point, "new", sig, "SOCKET="+path, "PROBATION=20s")
				old := f.pid
				f.kill(syscall.SIGUSR2)
				f.happened()
				f.eventually("the new process goes on", func() bool { return len(f.members()) == 1 })
				for range 20 {
					require.Equal(t, strconv.Itoa(old), f.at(path, "/pid"), "%s", f.output())
				}
				f.pid = old
				f.kill(syscall.SIGTERM)
				require.Equal(t, 0, f.exit(), "%s", f.output())
				require.NoFileExists(t, path)
			})
		}
	}
}

// The old address is served by the old process until its end, and nothing that
// is sent there stays without an answer; the new one is served at once.
func TestAnAddressThatHasChangedIsServedBesideTheOldOne(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "addr")
	was, is := freeAddr(t), freeAddr(t)
	require.NoError(t, os.WriteFile(file, []byte(was), 0o600))
	s := serve(t, "ADDR_FILE="+file, "PROBATION=2s") // in which the old one is asked, however busy the machine
	old := s.pid
	require.Equal(t, was, s.addr)
	require.NoError(t, os.WriteFile(file, []byte(is), 0o600))
	silent := make(chan error, 1)
	go func() { silent <- visitUntilRefused(was, old) }() // ends with the old process
	require.Empty(t, s.restart())
	s.ready()
	require.Equal(t, is, s.addr)
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	require.Equal(t, strconv.Itoa(old), s.at(was, "/pid"))
	s.saw(`the new process has not taken a socket" name=http addr=` + was)
	s.saw(`no component takes this socket" name=http addr=` + was)
	s.saw(fmt.Sprintf("process %d is done: <nil>", old))
	require.NoError(t, <-silent)
	refusedAt(t, was)
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

// visitUntilRefused returns nil if all that it sends is answered, by pid, until
// nobody listens.
func visitUntilRefused(addr string, pid int) error {
	c := &census{addr: addr}
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		switch who, _, err := c.visit(); {
		case who == -1 && errors.Is(err, syscall.ECONNREFUSED):
			return nil
		case err != nil:
			return err
		case who != pid:
			return fmt.Errorf("answered by %d", who)
		}
	}
	return errors.New("it is never refused")
}

func TestANewAddressIsGivenUpIfTheOldProcessServesAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "addr")
	was, is := freeAddr(t), freeAddr(t)
	require.NoError(t, os.WriteFile(file, []byte(was), 0o600))
	s := serve(t, "ADDR_FILE="+file, "FAULT=dies on probation", "PROBATION=20s")
	old := s.pid
	require.NoError(t, os.WriteFile(file, []byte(is), 0o600))
	require.Empty(t, s.restart())
	s.ready()
	require.Equal(t, is, s.addr)
	s.line(fmt.Sprintf("cron starts in %d", old))
	refusedAt(t, is)
	s.pid, s.addr = old, was
	require.Equal(t, strconv.Itoa(old), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	refusedAt(t, was)
}

func TestANewAddressThatSomebodyHasFailsTheRestart(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	file := filepath.Join(t.TempDir(), "addr")
	was := freeAddr(t)
	require.NoError(t, os.WriteFile(file, []byte(was), 0o600))
	s := serve(t, "ADDR_FILE="+file)
	require.NoError(t, os.WriteFile(file, []byte(ln.Addr().String()), 0o600))
	require.Contains(t, s.restart(), "has ended: exit status 1")
	s.saw("address already in use")
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

// A socket goes by its component's name: under another one it is another socket.
// The same port can't be bound a second time; another one can.
func TestAComponentWithAnotherNameHasAnotherSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name, addr := filepath.Join(dir, "name"), filepath.Join(dir, "addr")
	require.NoError(t, os.WriteFile(name, []byte("http"), 0o600))
	was := freeAddr(t)
	require.NoError(t, os.WriteFile(addr, []byte(was), 0o600))
	s := serve(t, "NAME_FILE="+name, "ADDR_FILE="+addr, "PROBATION=2s")
	old := s.pid
	require.NoError(t, os.WriteFile(name, []byte("web"), 0o600))
	require.Contains(t, s.restart(), "has ended: exit status 1")
	s.saw("address already in use")
	require.Equal(t, strconv.Itoa(old), s.get("/pid"))

	require.NoError(t, os.WriteFile(addr, []byte("127.0.0.1:0"), 0o600))
	require.Empty(t, s.restart())
	s.ready()
	require.NotEqual(t, was, s.addr)
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	require.Equal(t, strconv.Itoa(old), s.at(was, "/pid"))
	s.saw(fmt.Sprintf("process %d is done: <nil>", old))
	refusedAt(t, was)
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestAPortThatWasChosenIsKept(t *testing.T) {
	t.Parallel()
	addrs := []string{"127.0.0.1:0", "0.0.0.0:0", ":0"}
	if ln, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		require.NoError(t, ln.Close())
		addrs = append(addrs, "[::]:0", "[::1]:0")
	}
	for _, addr := range addrs {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "addr")
			require.NoError(t, os.WriteFile(file, []byte(addr), 0o600))
			s := serve(t, "ADDR_FILE="+file, "PROBATION=-1ns")
			was := s.addr
			for range 2 {
				old := s.pid
				s.replace()
				require.Equal(t, was, s.addr)
				require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
				s.saw(fmt.Sprintf("process %d is done: <nil>", old)) // until then it would come back
			}
			s.kill(syscall.SIGTERM)
			require.Equal(t, 0, s.exit(), "%s", s.output())
		})
	}
}

func TestASlowRequestOfAnOldProcessEndsAfterItsAddressIsGone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "addr")
	was := freeAddr(t)
	require.NoError(t, os.WriteFile(file, []byte(was), 0o600))
	s := serve(t, "ADDR_FILE="+file, "PROBATION=-1ns")
	old := s.pid
	slow := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+was+"/slow?d=700ms")
	require.NoError(t, os.WriteFile(file, []byte(freeAddr(t)), 0o600))
	require.Empty(t, s.restart())
	s.ready()
	for limit := time.Now().Add(patience); ; wait(time.Millisecond) {
		c, err := net.DialTimeout("tcp", was, patience)
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.True(t, time.Now().Before(limit))
	}
	require.Equal(t, "begin end", slow.body(t))
	s.saw(fmt.Sprintf("process %d is done: <nil>", old))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
