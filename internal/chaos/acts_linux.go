package main

// This file is what is done to a service.

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

// moment waits for a random part of what a restart takes.
func moment(random *rand.Rand) {
	time.Sleep(time.Duration(random.Int64N(int64(250 * time.Millisecond))))
}

func (s *service) restart(*rand.Rand) error {
	old := s.current()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return err
	}
	if !until(patience, func() bool { return s.current() != old && gone(old) }) {
		return fmt.Errorf("a restart of %d has not ended", old)
	}
	return nil
}

// heir waits for the process that a restart starts; 0 if there is none.
func (s *service) heir(old int) (pid int) {
	until(2*time.Second, func() bool {
		for _, child := range children(old) {
			pid = child
		}
		return pid != 0 || gone(old)
	})
	return pid
}

func (s *service) killNew(random *rand.Rand) error {
	old := s.current()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return err
	}
	if pid := s.heir(old); pid != 0 {
		s.know(pid)
		time.Sleep(time.Duration(random.Int64N(int64(60 * time.Millisecond))))
		if s.current() == pid {
			return nil // it was ready already, and so is no new one any more
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

func (s *service) killOld(random *rand.Rand) error {
	old := s.current()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return err
	}
	if pid := s.heir(old); pid != 0 {
		s.know(pid)
	}
	moment(random)
	_ = syscall.Kill(old, syscall.SIGKILL)
	return nil
}

func (s *service) killBoth(random *rand.Rand) error {
	old := s.current()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return err
	}
	pid := s.heir(old)
	moment(random)
	_ = syscall.Kill(old, syscall.SIGKILL)
	if pid != 0 {
		s.know(pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

func (s *service) pause(random *rand.Rand) error {
	return stopFor(s.current(), random)
}

func stopFor(pid int, random *rand.Rand) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	moment(random)
	return syscall.Kill(pid, syscall.SIGCONT)
}

func (s *service) pauseInRestart(random *rand.Rand) error {
	old := s.current()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return err
	}
	moment(random)
	if err := stopFor(old, random); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	if !until(patience, func() bool { return s.current() != old && gone(old) }) {
		return fmt.Errorf("a restart of %d, which was stopped meanwhile, has not ended", old)
	}
	return nil
}

// restartTwice asks again before the first restart is over.
func (s *service) restartTwice(random *rand.Rand) error {
	old := s.current()
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		return err
	}
	moment(random)
	_ = syscall.Kill(old, syscall.SIGUSR2)
	if !until(patience, func() bool { return s.current() != old && gone(old) }) {
		return fmt.Errorf("a restart of %d has not ended", old)
	}
	return nil
}

// hangUp leaves requests on the admin port half sent.
func (s *service) hangUp(random *rand.Rand) error {
	for range 20 {
		c, err := net.DialTimeout("tcp", s.admin, patience)
		if err != nil {
			return err
		}
		text := "GET /debug/belay HTTP/1.1\r\nHost: chaos\r\n\r\n"
		_, _ = io.WriteString(c, text[:random.IntN(len(text)+1)])
		_ = c.(*net.TCPConn).SetLinger(0) // a reset
		_ = c.Close()
	}
	return nil
}

func (s *service) terminate(*rand.Rand) error {
	s.stopping.Store(true) // from here on connections may be refused
	pid := s.current()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	if !until(patience, func() bool { return gone(pid) }) {
		return fmt.Errorf("%d has not stopped", pid)
	}
	return nil
}

func (s *service) kill(*rand.Rand) error { return syscall.Kill(s.current(), syscall.SIGKILL) }
