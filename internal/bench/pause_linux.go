package main

// This file makes the child's pause on Linux, where a timer of Go's is no good
// for it: when nothing else runs, the runtime waits for its timers in whole
// milliseconds. A timer of the kernel's is read like a socket, and is exact.

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func newPause(d time.Duration) (pause func() error, end func(), err error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "timerfd")
	once := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	var expirations [8]byte
	pause = func() error {
		if err := unix.TimerfdSettime(fd, 0, &once, nil); err != nil {
			return err
		}
		_, err := f.Read(expirations[:])
		return err
	}
	return pause, func() { _ = f.Close() }, nil
}
