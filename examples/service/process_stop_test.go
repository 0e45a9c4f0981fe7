//go:build unix

package main

// How the process stops: by signals, with requests in flight, with a component
// that hangs.

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestEverySignalStopsAndARequestInFlightEndsWhole(t *testing.T) {
	for _, variant := range []string{"", "SERVICE_STOP=plain"} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
			t.Run(variant+sig.String(), func(t *testing.T) {
				t.Parallel()
				c := start(t, []string{variant})
				type answer struct {
					body string
					err  error
				}
				answers := make(chan answer, 2)
				for _, h2c := range []bool{false, true} {
					go func() { // ends with the answer
						body, err := getBody(c.http, h2c)
						answers <- answer{body, err}
					}()
				}
				c.status(t, func(st state) bool { return st.InFlight == 2 })
				require.NoError(t, c.Process.Signal(sig))
				for range 2 {
					a := <-answers
					require.NoError(t, a.err)
					require.Equal(t, "slept 1s\n", a.body)
				}
				c.ends(t, 0)
				require.Contains(t, c.stderr.String(), "requests=2")
			})
		}
	}
}

func getBody(addr string, h2c bool) (string, error) {
	var protocols http.Protocols
	protocols.SetHTTP1(!h2c)
	protocols.SetUnencryptedHTTP2(h2c)
	client := http.Client{Transport: &http.Transport{Protocols: &protocols}, Timeout: patience}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + addr + "/slow?d=1s")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestWhoWatchesTheHealthDoesNotHoldUpAStop(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	conn, err := grpc.NewClient(c.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	news, err := watch.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, news.GetStatus())
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.ends(t, 0)
}

func TestTheReportNamesEveryComponent(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.ends(t, 0)
	for _, name := range []string{"http", "grpc", "signals", "digest", "admin"} {
		require.Regexp(t, `(?m)^  `+name+` +stopped `, c.stderr.String())
	}
}

func TestAComponentThatHangsIsNamedAndDoesNotHoldUpTheExit(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"SERVICE_HANG=consumer"}, "-grace", "1s")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.ends(t, 3)
	require.Regexp(t, `(?m)^  consumer +STUCK .*\n      chan send, 1 goroutine, \w+\.\(\*consumer\)\.flush \S+/service/consumer\.go:\d+$`, c.stderr.String())
	require.Regexp(t, `(?m)^  digest +stopped `, c.stderr.String(), "the others still stop")
}

// Who is called while the stop takes too long opens the page.
func TestThePageNamesWhatTheStopWaitsFor(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"SERVICE_HANG=consumer"}, "-grace", "1m")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	var page struct {
		WaitsFor   []string `json:"waits_for"`
		Components []struct{ Name, Where string }
	}
	where := ""
	require.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal([]byte(c.get(t, c.admin, "/debug/belay?format=json&stacks")), &page))
		for _, component := range page.Components {
			if component.Name == "consumer" {
				where = component.Where
			}
		}
		return len(page.WaitsFor) == 1 && strings.HasPrefix(where, "chan send")
	}, patience, 5*time.Millisecond)
	require.Equal(t, []string{"consumer"}, page.WaitsFor)
	require.Regexp(t, `^chan send, 1 goroutine, \w+\.\(\*consumer\)\.flush \S+/service/consumer\.go:\d+$`, where)
	require.NoError(t, c.Process.Kill()) // its end is tested elsewhere
	_ = c.Wait()
}
