package graceful_test

// What is written last: a log that is kept in memory and written out by the
// stop of the lowest phase.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["flush"] = playFlush }

// playFlush writes its log to path when it stops.
func playFlush(path string) int {
	var log struct {
		sync.Mutex
		bytes.Buffer
	}
	note := func(format string, args ...any) {
		log.Lock()
		defer log.Unlock()
		fmt.Fprintf(&log.Buffer, format+"\n", args...)
	}
	inner := handler()
	m := graceful.New(graceful.Options{Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)), Budget: 10 * time.Second})
	m.Add(1, graceful.Component{Name: "log", Stop: func(context.Context) error {
		log.Lock()
		defer log.Unlock()
		return os.WriteFile(path, log.Bytes(), 0o600)
	}})
	m.Add(2, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		note("served %s: %v", r.URL.Path, context.Cause(r.Context()))
	})}))
	m.Add(3, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s", m.Addr("http"))
		return nil
	}})
	report, _ := m.Run(context.Background())
	say("%s", report)
	return report.ExitCode()
}

func TestTheLastRequestsLogLineIsOnDiskAtTheExit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	c := start(t, "flush:"+path)
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/slow?d=300ms")
	c.signal(syscall.SIGTERM)
	require.Equal(t, "begin end", r.body(t))
	require.Equal(t, 0, c.exit(), "%s", c.output())
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "served /slow: <nil>\n", string(log))
}
func TestTheLastRequestsLogLineIsOnDiskAfterASecondInterruptToo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	c := start(t, "flush:"+path)
	begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+c.addr+"/hang")
	c.forces(os.Interrupt, "graceful: stopping")
	require.Equal(t, 130, c.exit(), "%s", c.output())
	log, err := os.ReadFile(path)
	require.NoError(t, err, "%s", c.output())
	require.Contains(t, string(log), "served /hang: graceful: forced by a second signal")
}

// The budget can be over before the stop has come to anybody: the process was
// frozen, or OnReady took its time. What ends at once when it is asked to is
// not stuck, and what writes itself out when it is asked to is not lost.
func TestWhoeverHasNoTimeLeftIsAskedToStopAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *graceful.Manager
		opts := quietlyWithin(10 * time.Second)
		opts.OnReady = func() {
			m.Stop(nil)
			time.Sleep(time.Minute)
		}
		m = graceful.New(opts)
		flushed := false
		m.Add(1, graceful.Component{Name: "log", Stop: func(context.Context) error { flushed = true; return nil }})
		m.Add(2, worker("obeys"))
		report, _ := m.Run(t.Context())
		require.NotEqual(t, "stuck", outcomes(report)["obeys"], "%s", report)
		require.True(t, flushed, "%s", report)
	})
}
