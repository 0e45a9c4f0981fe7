//go:build unix

package restarts

// This file is a client that is not ours: wrk, where it is installed.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// stranger is wrk while it runs; nil where there is none.
type stranger struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func startStranger(addr string) *stranger {
	path, err := exec.LookPath("wrk")
	if err != nil {
		return nil
	}
	s := &stranger{cmd: exec.Command(path, "-t1", "-c16", "-d3600s", "--timeout", "8s", "http://"+addr+"/")}
	s.cmd.Stdout = &s.out
	if err := s.cmd.Start(); err != nil {
		return nil
	}
	return s
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkErrors   = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// stop ends wrk, and returns what it has counted.
func (s *stranger) stop() (answered, lost int64, err error) {
	if s == nil {
		return 0, 0, nil
	}
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, 0, err
	}
	_ = s.cmd.Wait() // it says the same in any case
	text := s.out.String()
	found := wrkRequests.FindStringSubmatch(text)
	if found == nil {
		return 0, 0, fmt.Errorf("wrk said %q", text)
	}
	answered, _ = strconv.ParseInt(found[1], 10, 64)
	for _, pattern := range []*regexp.Regexp{wrkErrors, wrkStatus} {
		if found := pattern.FindStringSubmatch(text); found != nil {
			for _, n := range found[1:] {
				more, _ := strconv.ParseInt(n, 10, 64)
				lost += more
			}
		}
	}
	return answered, lost, nil
}
