//go:build linux || darwin

package graceful_test

// Animals of the zoo that hang in the kernel.

import (
	"os"
	"os/exec"
	"syscall"
)

func init() {
	zoo["syscall"] = animal{(*cage).readsRaw, "syscall", "readsRaw"}
	zoo["flock"] = animal{(*cage).locksFile, "syscall", "locksFile"}
	zoo["child process"] = animal{(*cage).waitsForChild, "syscall", "waitsForChild"}
}

// readsRaw reads from an empty pipe without the help of the runtime's poller.
func (c *cage) readsRaw() {
	var fds [2]int
	if syscall.Pipe(fds[:]) != nil {
		return
	}
	c.cleanup(func() error { return syscall.Close(fds[1]) })
	c.next()
	_, _ = syscall.Read(fds[0], make([]byte, 1))
}

func (c *cage) locksFile() {
	f, err := os.CreateTemp("", "zoo")
	if err != nil {
		return
	}
	c.cleanup(func() error { return os.Remove(f.Name()) })
	again, err := os.Open(f.Name())
	if err != nil || syscall.Flock(int(f.Fd()), syscall.LOCK_EX) != nil {
		return
	}
	c.cleanup(f.Close)
	c.next()
	_ = syscall.Flock(int(again.Fd()), syscall.LOCK_EX)
}

func (c *cage) waitsForChild() {
	cat := exec.Command("cat")
	in, err := cat.StdinPipe()
	if err != nil || cat.Start() != nil {
		return
	}
	c.cleanup(in.Close)
	c.next()
	_ = cat.Wait()
}
