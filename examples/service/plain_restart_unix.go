//go:build unix

package main

// How the control is replaced: it starts its own program with its sockets, as
// os/exec's documentation shows it, and waits until that is ready.

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// plainReadyTime bounds the start of the new process.
const plainReadyTime = 10 * time.Second

// plainRestarts returns a channel on which SIGUSR2 comes.
func plainRestarts() chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	return signals
}

// replacePlain returns when a new process serves the sockets, too.
func replacePlain(ctx context.Context, lns map[string]net.Listener) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), plainVar+"="+strconv.Itoa(len(plainNames)))
	for _, name := range plainNames {
		f, err := lns[name].(*net.TCPListener).File()
		if err != nil {
			return err
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	hear, say, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hear.Close()
	cmd.ExtraFiles = append(cmd.ExtraFiles, say)
	err = cmd.Start()
	say.Close()
	// Starting it has made the sockets blocking, for both of us.
	for _, f := range cmd.ExtraFiles[:len(plainNames)] {
		err = errors.Join(err, syscall.SetNonblock(int(f.Fd()), true))
	}
	if err != nil {
		return err
	}
	go cmd.Wait() // ends with the new process, or with us
	if err := hear.SetReadDeadline(time.Now().Add(plainReadyTime)); err != nil {
		return err
	}
	if _, err := io.ReadFull(hear, make([]byte, 1)); err != nil {
		_ = cmd.Process.Kill()
		return errors.Join(err, ctx.Err())
	}
	return nil
}
