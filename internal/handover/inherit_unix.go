//go:build unix

package handover

// The new process: what it was started with.

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// firstFD is where systemd's protocol begins to count.
const firstFD = 3

// environment keeps two who ask at once from taking the same.
var environment sync.Mutex

// Inherit returns what this process was started with; nil if that is nothing.
// It takes the variables out of the environment and keeps the descriptors from
// children, so only the first call returns anything. What is in the variables
// and isn't meant for this process is dropped.
func Inherit() (*Inheritance, error) {
	environment.Lock()
	defer environment.Unlock()
	count, names := os.Getenv(envFDs), os.Getenv(envNames)
	pid, parent := os.Getenv(envPID), os.Getenv(envParent)
	for _, name := range Environment() {
		_ = os.Unsetenv(name) // can't fail for such a name
	}
	n, err := strconv.Atoi(count)
	switch {
	case count == "" || err == nil && n < 0:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s=%q: not a number", envFDs, count)
	case parent != "" && meant(parent, firstFD+n):
		in, err := fromParent(n)
		if err != nil && !errors.Is(err, ErrBroken) {
			err = fmt.Errorf("%w: %w", ErrBroken, err)
		}
		return in, err
	case pid == strconv.Itoa(os.Getpid()):
		return fromSupervisor(n, names)
	}
	return nil, nil
}

// meant reports whether the process named by parent has started us with a link
// in fd. If it has died since, only the socket knows who made it; as long as
// nobody has waited for it, its pid is still there.
func meant(parent string, fd int) bool {
	pid, err := strconv.Atoi(parent)
	if err != nil {
		return false
	}
	return pid == os.Getppid() || madeBy(fd, pid)
}

// fromSupervisor takes the sockets. What is there but is none is left alone:
// without a word from whoever has started us it is somebody else's, if only the
// runtime's.
func fromSupervisor(n int, names string) (*Inheritance, error) {
	in := &Inheritance{}
	list := strings.Split(names, ":")
	var others error
	for i := range n {
		if err := isSocket(firstFD + i); err != nil {
			others = err
			if errors.Is(err, syscall.EBADF) {
				break // nor is there one behind it
			}
			continue
		}
		f, err := file(firstFD + i)
		if err != nil {
			in.Close()
			return nil, err
		}
		s := Socket{File: f, SocketInfo: SocketInfo{Foreign: true}}
		if i < len(list) {
			s.Name = list[i]
		}
		in.Sockets = append(in.Sockets, s)
	}
	return in, others
}

// isSocket returns an error for a descriptor that is none.
func isSocket(fd int) error {
	if _, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil {
		return fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return nil
}

func fromParent(n int) (*Inheritance, error) {
	in := &Inheritance{}
	failed := func(err error) (*Inheritance, error) {
		in.Close()
		return nil, err
	}
	for i := range n + 1 { // with the link
		if err := isSocket(firstFD + i); err != nil {
			return failed(err)
		}
	}
	for i := range n {
		f, err := file(firstFD + i)
		if err != nil {
			return failed(err)
		}
		in.Sockets = append(in.Sockets, Socket{File: f})
	}
	f, err := file(firstFD + n)
	if err != nil {
		return failed(err)
	}
	if in.Link, err = newLink(f); err != nil {
		return failed(err)
	}
	if in.Hello, err = in.Link.Receive(); err != nil { // it was sent before we ran
		return failed(err)
	}
	switch {
	case in.Hello.Kind != Hello || len(in.Hello.Sockets) != n:
		return failed(errors.New("the handover doesn't begin with a hello of these sockets"))
	case in.Hello.Version < Least:
		return failed(ErrTooOld)
	case len(in.Hello.Draining) == 0 || in.Hello.Draining[len(in.Hello.Draining)-1].PID != in.Hello.PID:
		return failed(errors.New("the hello doesn't name its process as the last generation"))
	}
	for i := range in.Sockets {
		in.Sockets[i].SocketInfo = in.Hello.Sockets[i]
	}
	for i, g := range in.Hello.Draining {
		// Alive asks it while others wait, whatever the old process has made it.
		if err := syscall.SetNonblock(firstFD+n+1+i, true); err != nil {
			return failed(fmt.Errorf("descriptor %d: %w", firstFD+n+1+i, err))
		}
		if g.alive, err = file(firstFD + n + 1 + i); err != nil {
			return failed(err)
		}
		in.Draining = append(in.Draining, g)
	}
	if parent := in.Draining[len(in.Draining)-1]; parent.PID != os.Getppid() && !parent.ends(lastBreath) {
		return failed(errors.New("it was meant for a process between the old one and this one"))
	}
	return in, nil
}

// lastBreath is how long a process that is no longer our parent may take to be
// gone: the kernel finds its children a new one first.
const lastBreath = time.Second

// ends waits for the end of the process, and reports whether that came within d.
func (g Generation) ends(d time.Duration) bool {
	for limit := time.Now().Add(d); g.Alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			return false
		}
	}
	return true
}

// file takes a descriptor that was inherited.
func file(fd int) (*os.File, error) {
	f, err := fdFile(fd)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return f, nil
}

// fdFile moves fd to a number of its own choice that no child inherits: to be
// found where it was, a second time, would do harm.
func fdFile(fd int) (*os.File, error) {
	moved, err := dup(fd)
	if err != nil {
		return nil, err
	}
	if err := syscall.Close(fd); err != nil {
		_ = syscall.Close(moved)
		return nil, err
	}
	return os.NewFile(uintptr(moved), ""), nil
}

// Close closes all that was inherited.
func (in *Inheritance) Close() {
	for _, s := range in.Sockets {
		_ = s.File.Close()
	}
	if in.Link != nil {
		_ = in.Link.Close()
	}
	for _, g := range in.Draining {
		g.Close()
	}
}
