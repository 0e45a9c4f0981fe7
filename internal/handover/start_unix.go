//go:build unix

package handover

// The old process: how it starts the new one.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Supported says whether this system can hand over sockets.
const Supported = true

// A Command says what to start, and with what.
type Command struct {
	Path string
	Args []string // with the name first
	Dir  string
	Env  []string // without what this package adds

	Sockets  []Socket
	Draining []Generation // earlier ones, without this process
	Hello    Message      // its sockets and generations are filled in
}

// A Process is the new process.
type Process struct {
	PID  int
	Link *Link

	proc   *os.Process
	reaped sync.Once
	state  string
}

// life is this process's own pipe: the write end is closed by Drained, or by its
// death, and the read end tells those who come after.
var life struct {
	sync.Mutex
	read, write *os.File
}

// Start starts the new process. Its hello is on its way before it runs.
func Start(cmd Command) (*Process, error) {
	own, err := ownLife()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	link, err := newLink(ours)
	if err != nil {
		return nil, err
	}
	p, err := start(cmd, link, theirs, own)
	if err != nil {
		_ = link.Close()
		return nil, err
	}
	return p, nil
}

func start(cmd Command, link *Link, theirs, own *os.File) (*Process, error) {
	hello := cmd.Hello
	hello.Kind, hello.Version, hello.PID = Hello, Version, os.Getpid()
	names := make([]string, 0, len(cmd.Sockets))
	files := []syscall.Conn{os.Stdin, os.Stdout, os.Stderr}
	for _, s := range cmd.Sockets {
		hello.Sockets = append(hello.Sockets, s.SocketInfo)
		names = append(names, Plain(s.Name))
		files = append(files, s.File)
	}
	files = append(files, theirs)
	for _, g := range alive(cmd.Draining) {
		f, err := Duplicate(g.alive, "life")
		if err != nil {
			continue // its owner has just found that it is gone, and closed it
		}
		defer f.Close()
		hello.Draining = append(hello.Draining, g)
		files = append(files, f)
	}
	hello.Draining = append(hello.Draining, Generation{PID: os.Getpid(), Since: time.Now()})
	files = append(files, own)
	if err := link.Send(hello); err != nil {
		return nil, err
	}

	env := slices.DeleteFunc(slices.Clone(cmd.Env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(Environment(), name)
	})
	env = append(env,
		envParent+"="+strconv.Itoa(os.Getpid()),
		envFDs+"="+strconv.Itoa(len(cmd.Sockets)),
		envNames+"="+strings.Join(names, ":"))
	// Neither os.StartProcess nor exec.Cmd: both take *os.File by Fd, which
	// makes the file blocking for everybody who shares it.
	raw, closeAll, err := descriptors(files)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	pid, err := syscall.ForkExec(cmd.Path, cmd.Args, &syscall.ProcAttr{Dir: cmd.Dir, Env: env, Files: raw})
	if err != nil {
		return nil, &os.PathError{Op: "start", Path: cmd.Path, Err: err}
	}
	proc, err := os.FindProcess(pid) // ours until we have waited for it
	if err != nil {
		return nil, err
	}
	return &Process{PID: pid, Link: link, proc: proc}, nil
}

// descriptors returns what a child is to get, as numbers. A standard stream
// that is closed stays closed.
func descriptors(files []syscall.Conn) (raw []uintptr, closeAll func(), err error) {
	closeAll = func() {
		for _, fd := range raw {
			if fd != ^uintptr(0) {
				_ = syscall.Close(int(fd))
			}
		}
	}
	for i, f := range files {
		fd, err := duplicate(f)
		if err != nil && i <= 2 {
			raw = append(raw, ^uintptr(0))
			continue
		}
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		raw = append(raw, uintptr(fd))
	}
	return raw, closeAll, nil
}

// Kill ends the process at once, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.proc.Kill() // fails for one that is gone only
	p.Wait()
}

// Finish waits for a process that is about to end, not longer than d, and
// returns how it has ended.
func (p *Process) Finish(d time.Duration) string {
	kill := time.AfterFunc(d, func() { _ = p.proc.Kill() })
	defer kill.Stop()
	return p.Wait()
}

// Wait returns how the process has ended; it waits until it has.
func (p *Process) Wait() string {
	p.reaped.Do(func() {
		state, err := p.proc.Wait()
		switch {
		case err != nil:
			p.state = err.Error()
		default:
			p.state = state.String()
		}
	})
	return p.state
}

// alive returns those of the generations that are still there.
func alive(all []Generation) (there []Generation) {
	for _, g := range all {
		if g.Alive() {
			there = append(there, g)
		}
	}
	return there
}

// Alive reports whether the process is still there.
func (g Generation) Alive() bool {
	if g.alive == nil {
		return false
	}
	raw, err := g.alive.SyscallConn()
	if err != nil {
		return false
	}
	n, one := 0, [1]byte{}
	if err := raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), one[:]) }); err != nil {
		return false
	}
	return n < 0 && (errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR))
}

// Close lets go of the process; it doesn't count as alive any more.
func (g Generation) Close() { _ = g.alive.Close() }

// Drained says to those who come after that this process has no more to end.
func Drained() {
	life.Lock()
	defer life.Unlock()
	if life.read != nil {
		_ = life.read.Close()
		_ = life.write.Close()
		life.read, life.write = nil, nil
	}
}

func ownLife() (*os.File, error) {
	life.Lock()
	defer life.Unlock()
	if life.read != nil {
		return life.read, nil
	}
	var fds [2]int
	syscall.ForkLock.RLock()
	err := syscall.Pipe(fds[:])
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, os.NewSyscallError("setnonblock", err)
	}
	life.read, life.write = os.NewFile(uintptr(fds[0]), "life"), os.NewFile(uintptr(fds[1]), "life")
	return life.read, nil
}

// socketpair returns the two ends of a link, of which no child gets ours.
func socketpair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link"), nil
}
