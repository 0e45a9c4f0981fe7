package main

// This file is the service from outside: its processes, and what must hold of
// them.

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// patience bounds each wait for a process.
const patience = 20 * time.Second

type service struct {
	addr, admin string
	logFile     string
	stopping    atomic.Bool

	mu struct {
		sync.Mutex
		pids []int // that were seen
		now  int   // the last that was ready
	}
}

var readyLine = regexp.MustCompile(`^ready http=(\S+) grpc=\S+ pid=(\d+)`)

// start starts a service that answers. With a full disk its log goes nowhere.
func start(binary, temp string, full bool) (*service, error) {
	s := &service{logFile: filepath.Join(temp, "log")}
	out := s.logFile
	if full {
		out = "/dev/full"
	}
	log, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s.admin = admin
	if err := os.WriteFile(filepath.Join(temp, "file"), []byte("chaos"), 0o600); err != nil {
		return nil, err
	}
	lines, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "-http", "127.0.0.1:0", "-grpc", "127.0.0.1:0", "-admin", admin, "-root", temp, "-grace", "5s")
	cmd.Stdout, cmd.Stderr = w, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_ = w.Close()
	s.know(cmd.Process.Pid)
	ready := make(chan string, 1)
	go s.read(lines, ready)        // ends with the last process
	go func() { _ = cmd.Wait() }() // ends with the first process
	select {
	case s.addr = <-ready:
		return s, nil
	case <-time.After(patience):
		s.bury()
		return nil, fmt.Errorf("the service was not ready: %s", s.log())
	}
}

// read takes in the lines of all processes, each of which says when it is ready.
func (s *service) read(lines *os.File, ready chan<- string) {
	defer lines.Close()
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		if m := readyLine.FindStringSubmatch(scan.Text()); m != nil {
			pid, _ := strconv.Atoi(m[2])
			s.know(pid)
			s.mu.Lock()
			s.mu.now = pid
			s.mu.Unlock()
			select {
			case ready <- m[1]:
			default:
			}
		}
	}
}

func (s *service) know(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.mu.pids, pid) {
		s.mu.pids = append(s.mu.pids, pid)
	}
}

func (s *service) current() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.now
}

func (s *service) living() (pids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range s.mu.pids {
		if !gone(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// settle waits until one process is left that answers, or none is.
func (s *service) settle(a act) (alive bool, err error) {
	over := until(patience, func() bool {
		left := s.living()
		if len(left) == 0 {
			return true
		}
		alive = len(left) == 1 && s.answers(left[0])
		return alive
	})
	switch {
	case !over:
		return false, fmt.Errorf("after %v the processes %v are left, and %d was the last to be ready", patience, s.living(), s.current())
	case !alive && a.survives:
		return false, fmt.Errorf("the service is gone")
	}
	return alive, nil
}

// answers reports whether it is that process that answers.
func (s *service) answers(pid int) bool {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + s.addr + "/version")
	if err != nil {
		return false
	}
	defer r.Body.Close()
	line, _ := bufio.NewReader(r.Body).ReadString(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(line, strconv.Itoa(pid)) {
		return false
	}
	s.mu.now = pid
	return true
}

// allGone fails if a process is left.
func (s *service) allGone() error {
	if !until(patience, func() bool { return len(s.living()) == 0 }) {
		return fmt.Errorf("processes are left: %v", s.living())
	}
	return nil
}

// bury kills what is left after a failure.
func (s *service) bury() {
	for _, pid := range s.living() {
		for _, child := range children(pid) {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func until(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(2 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// stat returns the state and the parent of a process; 0 if there is none.
func stat(pid int) (state byte, parent int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0][0], parent
}

// gone reports whether a process has ended, be it that nobody has waited for it.
func gone(pid int) bool {
	state, _ := stat(pid)
	return state == 0 || state == 'Z' || state == 'X'
}

func children(of int) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if state, parent := stat(pid); parent == of && state != 0 && state != 'Z' {
			pids = append(pids, pid)
		}
	}
	return pids
}
