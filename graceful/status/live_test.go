package status_test

// The page of a manager at work, asked for as an operator would.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
	"github.com/belay-go/belay/limiter/semaphore"
)

// A service has a page, a web server and a consumer that hangs.
type service struct {
	m       *graceful.Manager
	page    string // its address
	release func() // the consumer
	ended   chan struct{}
	report  graceful.Report // when ended is closed
}

// flush hangs until somebody receives.
func flush(_ context.Context, ready func(), to chan<- int) error {
	ready()
	to <- 1
	return nil
}

// run starts a service; its end is awaited at the end of the test. Its page is
// served beside the manager, so that it outlives it.
func run(t *testing.T, opts status.Options, name string) *service {
	t.Helper()
	ready := make(chan struct{})
	options := quietly()
	options.Budget = 4 * time.Second
	options.OnReady = func() { close(ready) }
	s := &service{m: graceful.New(options), ended: make(chan struct{})}
	messages := make(chan int)
	s.release = sync.OnceFunc(func() { <-messages })
	sem := semaphore.NewWeighted(7)
	opts.Stats = map[string]func() belay.Stats{"requests": sem.Stats}
	s.m.Add(1, graceful.Func(name, func(ctx context.Context, ready func()) error { return flush(ctx, ready, messages) }))
	s.m.Add(2, graceful.HTTP("web", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := sem.Acquire(r.Context(), 1); err == nil {
			sem.Release(1)
		}
	})}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.page = "http://" + ln.Addr().String() + "/debug/belay"
	mux := http.NewServeMux()
	mux.Handle("/debug/belay", status.Handler(s.m, opts))
	server := &http.Server{Handler: mux}
	go server.Serve(ln) // ends with Close
	go func() {         // ends with Run
		defer close(s.ended)
		s.report, _ = s.m.Run(context.Background())
	}()
	t.Cleanup(func() {
		s.m.Stop(nil)
		s.release()
		<-s.ended
		_ = server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case <-ready:
	case <-time.After(patience):
		require.FailNow(t, "not ready")
	}
	return s
}

// get returns the page.
func (s *service) get(t *testing.T, query string) string {
	t.Helper()
	resp, err := http.Get(s.page + query)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "%s", body)
	return string(body)
}

// seen is what the tests read of the JSON.
type seen struct {
	State      string   `json:"state"`
	WaitsFor   []string `json:"waits_for"`
	ExitCode   int      `json:"exit_code"`
	Components []struct {
		Name    string `json:"name"`
		Outcome string `json:"outcome"`
		Where   string `json:"where"`
		Stacks  string `json:"stacks"`
	} `json:"components"`
	Connections struct {
		Total  int `json:"total"`
		States []struct {
			Component string `json:"component"`
			State     string `json:"state"`
			Count     int    `json:"count"`
		} `json:"states"`
		List []struct {
			Remote string `json:"remote"`
		} `json:"list"`
	} `json:"connections"`
	Stats []struct {
		Name  string `json:"name"`
		Limit int    `json:"limit"`
		Total int    `json:"total"`
	} `json:"stats"`
	Process struct {
		Uptime float64 `json:"uptime_seconds"`
	} `json:"process"`
}

func (s *service) json(t *testing.T, query string) (page seen) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "?format=json"+query)), &page))
	return page
}

func TestThePageFollowsAServiceFromReadyToItsLastReport(t *testing.T) {
	s := run(t, status.Options{Detail: true}, "consumer")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + s.m.Addr("web").String())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())

	var page seen
	require.Eventually(t, func() bool {
		page = s.json(t, "")
		return len(page.Connections.States) == 1 && page.Connections.States[0].State == "idle"
	}, patience, time.Millisecond)
	require.Equal(t, "ready", page.State)
	require.Empty(t, page.WaitsFor)
	require.Equal(t, "web", page.Connections.States[0].Component)
	require.Equal(t, 1, page.Connections.States[0].Count)
	require.Contains(t, page.Connections.List[0].Remote, "127.0.0.1:")
	require.Equal(t, 7, page.Stats[0].Limit)
	require.Equal(t, 1, page.Stats[0].Total)
	require.Positive(t, page.Process.Uptime)
	require.Empty(t, page.Components[1].Where, "nobody has asked")
	require.Eventually(t, func() bool { // as soon as it hangs
		page = s.json(t, "&stacks")
		return strings.HasPrefix(page.Components[1].Where, "chan send")
	}, patience, time.Millisecond)
	require.Contains(t, page.Components[1].Where, "chan send, 1 goroutine, status_test.flush graceful/status/live_test.go:")
	require.Contains(t, page.Components[1].Stacks, "1 @ chan send")
	require.Contains(t, section(parse(t, s.get(t, "?stacks")), "components"), "status_test.flush graceful/status/live_test.go:")

	s.m.Stop(nil)
	require.Eventually(t, func() bool { page = s.json(t, ""); return page.State == "stopping" }, patience, time.Millisecond)
	require.Equal(t, []string{"consumer"}, page.WaitsFor)
	require.Contains(t, s.json(t, "&stacks").Components[1].Where, "status_test.flush")
	// From the first quarter on the line is there without a profile.
	require.Eventually(t, func() bool { page = s.json(t, ""); return page.Components[1].Where != "" }, patience, time.Millisecond)
	require.Equal(t, "stopping", page.Components[1].Outcome)
	require.Contains(t, section(parse(t, s.get(t, "")), "waits-for"), "Waiting for consumer stopping for")

	<-s.ended
	page = s.json(t, "")
	require.Equal(t, "done", page.State)
	require.Equal(t, 3, page.ExitCode)
	require.Equal(t, "stuck", page.Components[1].Outcome)
	require.Contains(t, page.Components[1].Where, "status_test.flush")
	require.Contains(t, section(parse(t, s.get(t, "")), "waits-for"), "Left behind consumer stuck for")
}

// The page may be a part of what it shows: its server is a component.
func TestThePageIsServedByWhatStops(t *testing.T) {
	m := graceful.New(quietly())
	var page string
	m.Add(0, graceful.HTTP("admin", "127.0.0.1:0", &http.Server{Handler: status.Handler(m, status.Options{Detail: true})}))
	m.Add(1, graceful.Component{Name: "db", Start: func(context.Context) error { m.Stop(nil); return nil }, Stop: func(context.Context) error {
		defer http.DefaultClient.CloseIdleConnections()
		resp, err := http.Get("http://" + m.Addr("admin").String() + "?stacks")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		page = string(body)
		return err
	}})
	report, err := m.Run(t.Context())
	require.NoError(t, err)
	require.Zero(t, report.ExitCode())
	nodes := parse(t, page)
	require.Contains(t, section(nodes, "waits-for"), "Waiting for db stopping for ")
	require.Contains(t, section(nodes, "components"), "admin up")
	require.Contains(t, section(nodes, "connections"), "admin active 1 ")
	admin, _, _ := strings.Cut(section(nodes, "components"), " stacks ")
	require.NotContains(t, admin, "status.(*handler)", "the page does not tell of itself")
}

// Many ask for every form while everything changes; the race detector looks on.
func TestThePageCanBeAskedForAtAnyTime(t *testing.T) {
	for range 5 {
		m := graceful.New(quietly())
		h := status.Handler(m, status.Options{Detail: true})
		sem := semaphore.NewWeighted(1)
		withStats := status.Handler(m, status.Options{Stats: map[string]func() belay.Stats{"sem": sem.Stats}})
		done := make(chan struct{})
		codes := make(chan int, 100)
		var askers sync.WaitGroup
		for _, target := range []string{"/", "/?format=json", "/?stacks"} {
			askers.Go(func() {
				for n := 0; ; n++ {
					for _, h := range []http.Handler{h, withStats} {
						if w := ask(h, "GET", target); w.Code != 200 && target != "/?stacks" {
							codes <- w.Code
							return
						}
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		clients := func(context.Context) error {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
					if resp, err := client.Get("http://" + m.Addr("web").String()); err == nil {
						_ = resp.Body.Close()
					}
				})
			}
			all.Wait()
			return nil
		}
		m.Add(1, graceful.HTTP("web", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = sem.Acquire(r.Context(), 1)
			time.Sleep(time.Millisecond)
			sem.Release(1)
		})}))
		m.Add(2, graceful.Component{Name: "clients", Start: clients, PreStop: clients, Stop: clients})
		m.Add(3, graceful.Component{Name: "stopper", Start: func(context.Context) error { m.Stop(nil); return nil }})
		report, err := m.Run(t.Context())
		close(done)
		askers.Wait()
		require.NoError(t, err)
		require.Zero(t, report.ExitCode(), "%s", report)
		require.Empty(t, codes)
	}
}

// A name that others chose does not become markup on the way through a manager
// either.
func TestAHostileNameOfAComponentIsText(t *testing.T) {
	const evil = `<script>document.title="taken"</script>`
	s := run(t, status.Options{Title: evil}, evil)
	s.m.Stop(fmt.Errorf("%s", evil))
	require.Eventually(t, func() bool { return s.json(t, "").State == "stopping" }, patience, time.Millisecond)
	nodes := parse(t, s.get(t, ""))
	require.False(t, slices.ContainsFunc(nodes, func(n node) bool { return n.name == "script" }))
	require.True(t, strings.HasPrefix(section(nodes, "waits-for"), "Waiting for "+evil+" stopping for "))
	require.Equal(t, []string{evil}, s.json(t, "").WaitsFor)
}
