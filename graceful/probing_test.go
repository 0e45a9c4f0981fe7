package graceful_test

// A supervisor that asks all the time while a process stops.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["probes"] = playProbes }

// playProbes has its probes on a server of their own, which stops last.
func playProbes(string) int {
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", m.Readyz)
	mux.HandleFunc("/livez", m.Livez)
	m.Add(1, graceful.HTTP("admin", "127.0.0.1:0", &http.Server{Handler: mux}))
	m.Add(2, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: handler()}))
	m.Add(3, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s %s", m.Addr("http"), m.Addr("admin"))
		return nil
	}})
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

// probe is one answer to a probe, or one try to connect: 0 if there was none.
type probe struct {
	asked, answered time.Time
	code            int
}

// probing asks every millisecond until there is no answer.
func probing(ask func() int) <-chan []probe {
	done := make(chan []probe, 1)
	go func() { // ends with the server
		var seen []probe
		for limit := time.Now().Add(patience); time.Now().Before(limit); wait(time.Millisecond) {
			p := probe{asked: time.Now(), code: ask()}
			p.answered = time.Now()
			seen = append(seen, p)
			if p.code == 0 {
				break
			}
		}
		done <- seen
	}()
	return done
}

func get(url string) int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 500 * time.Millisecond}
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestReadinessGoesBeforeAcceptingEndsAndLivenessOnlyWithTheProcess(t *testing.T) {
	t.Parallel()
	c := start(t, "probes")
	var app, admin string
	_, err := fmt.Sscan(c.addr, &app, &admin)
	require.NoError(t, err)
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+app+"/slow?d=500ms")
	readyz := probing(func() int { return get("http://" + admin + "/readyz") })
	livez := probing(func() int { return get("http://" + admin + "/livez") })
	dials := probing(func() int {
		c, err := net.DialTimeout("tcp", app, 100*time.Millisecond)
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrDeadlineExceeded) {
			return 0
		}
		if err == nil {
			_ = c.Close()
		}
		return 1
	})
	wait(50 * time.Millisecond)
	c.signal(syscall.SIGTERM)
	signalled := time.Now()
	body := r.body(t)
	drained := time.Now()
	require.Equal(t, "begin end", body)
	require.Equal(t, 0, c.exit(), "%s", c.output())

	dialled := <-dials
	closed := dialled[len(dialled)-1]
	require.Zero(t, closed.code, "accepting has ended")
	green, red := false, false
	for _, p := range <-readyz {
		switch p.code {
		case http.StatusOK:
			green = true
			require.False(t, red, "ready again")
			require.True(t, p.asked.Before(closed.answered), "ready when nothing was accepted any more")
		case http.StatusServiceUnavailable:
			red = green // or it was still starting
		}
	}
	require.True(t, red)
	during := 0
	for _, p := range <-livez {
		if p.answered.Before(drained) {
			require.Equal(t, http.StatusOK, p.code, "%v after the signal", p.answered.Sub(signalled))
		}
		if p.asked.After(signalled) && p.code == http.StatusOK {
			during++
		}
		require.NotEqual(t, http.StatusServiceUnavailable, p.code)
	}
	require.NotZero(t, during)
	_, _ = io.Copy(io.Discard, r.resp.Body)
}
