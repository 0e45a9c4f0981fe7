//go:build unix

package main

// Restarts under load: no connection is lost. The long run takes some minutes:
//
//	go test ./cmd/belay-run -run LosesNoConnection -restarts 1000 -timeout 1h -v

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var restarts = flag.Int("restarts", 20, "how often the server under load is restarted")

// load asks all the time until its result is called, which returns what was lost:
// by wrk, where it is.
func load(t *testing.T, addr string) (lost func() []error) {
	t.Helper()
	path, err := exec.LookPath("wrk")
	if err != nil {
		return asking(t, addr)
	}
	var out bytes.Buffer
	wrk := exec.Command(path, "-c", "16", "-t", "1", "-d", "24h", "--timeout", "30s", "http://"+addr+"/")
	wrk.Stdout, wrk.Stderr = &out, &out
	require.NoError(t, wrk.Start())
	t.Cleanup(func() { _ = wrk.Process.Kill() })
	return func() (errs []error) {
		require.NoError(t, wrk.Process.Signal(os.Interrupt))
		require.NoError(t, wrk.Wait(), "%s", &out)
		t.Logf("%s", &out)
		done := regexp.MustCompile(`(\d+) requests in`).FindStringSubmatch(out.String())
		require.NotNil(t, done, "%s", &out)
		number, err := strconv.Atoi(done[1])
		require.NoError(t, err)
		require.Greater(t, number, 100, "nothing was asked")
		for _, line := range regexp.MustCompile(`(?m)^ *(?:Socket errors|Non-2xx).*$`).FindAllString(out.String(), -1) {
			errs = append(errs, errors.New(line))
		}
		return errs
	}
}

func TestARestartUnderLoadLosesNoConnection(t *testing.T) {
	python := program(t, "python3")
	r := begin(t, onLoopback("-grace", "60s", "--", python, "testdata/server.py"))
	r.ready()
	lost := load(t, r.addr("listen"))
	for i := range *restarts {
		r.does("restart")
		if i%50 == 49 {
			t.Logf("%d restarts", i+1)
		}
	}
	r.becomes(func(s *status) bool { return len(s.Servers) == 1 })
	require.Empty(t, lost())
	s := r.status()
	require.Equal(t, *restarts, s.Restarts)
	require.Zero(t, s.Crashes)
	r.stop()
}

// The same with a server that doesn't finish what it has accepted: the load would
// see a loss.
func TestTheLoadSeesALoss(t *testing.T) {
	python := program(t, "python3")
	r := begin(t, onLoopback("--", python, "testdata/server.py", "rude"))
	r.ready()
	lost := load(t, r.addr("listen"))
	for range 10 {
		r.does("restart")
	}
	require.NotEmpty(t, lost())
	r.signal(syscall.SIGTERM)
	require.Equal(t, 0, r.exit())
}

// asking asks all the time until its result is called, which returns what was
// lost.
func asking(t *testing.T, addr string) (lost func() []error) {
	t.Helper()
	stop, result := make(chan struct{}), make(chan []error, 4)
	for range cap(result) {
		go func() { // ends with stop
			var errs []error
			client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
			for {
				select {
				case <-stop:
					result <- errs
					return
				default:
				}
				answer, err := client.Get("http://" + addr + "/")
				if err == nil {
					_, err = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
				if err != nil {
					errs = append(errs, err)
				}
				wait(time.Millisecond)
			}
		}()
	}
	return func() (all []error) {
		close(stop)
		for range cap(result) {
			all = append(all, <-result...)
		}
		return all
	}
}
