//go:build unix

package belayprometheus_test

// Scrapes of real processes, of which one takes the place of the other: by hand,
// and by Debian's Prometheus where it is installed.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// scrape parses what addr answers; an error says that it doesn't.
func scrape(addr string) (map[string]*dto.MetricFamily, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

func gaugeOf(families map[string]*dto.MetricFamily, name string) float64 {
	return families[name].GetMetric()[0].GetGauge().GetValue()
}

// A held request keeps its process draining.
type held struct {
	body *io.PipeWriter
	done chan error
}

// hold begins a request that is answered once it is let go; metrics is where the
// process says that it has it.
func hold(t *testing.T, addr, metrics string) *held {
	t.Helper()
	r, w := io.Pipe()
	h := &held{body: w, done: make(chan error, 1)}
	go func() { // ends with the request, which the cleanup ends
		resp, err := http.Post("http://"+addr+"/", "text/plain", r)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		h.done <- err
	}()
	t.Cleanup(func() { _ = w.Close() })
	eventually(t, "the request doesn't come", func() bool {
		families, err := scrape(metrics)
		require.NoError(t, err)
		return gaugeOf(families, "belay_in_flight") == 1
	})
	return h
}

func (h *held) letGo(t *testing.T) {
	t.Helper()
	require.NoError(t, h.body.Close())
	select {
	case err := <-h.done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.FailNow(t, "no answer")
	}
}

func TestADrainingGenerationAnswersScrapesUntilItEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir)
	first, web, old := s.ready()
	families, err := scrape(old)
	require.NoError(t, err)
	require.EqualValues(t, 0, gaugeOf(families, "belay_generation"))
	require.EqualValues(t, 1, gaugeOf(families, "belay_ready"))

	h := hold(t, web, old)
	require.NoError(t, syscall.Kill(first, syscall.SIGUSR2))
	second, _, heir := s.ready()
	require.NotEqual(t, old, heir)
	eventually(t, "the old one doesn't drain", func() bool {
		families, err = scrape(old)
		require.NoError(t, err)
		return gaugeOf(families, "belay_stopping") == 1
	})
	require.EqualValues(t, 0, gaugeOf(families, "belay_generation"))
	require.EqualValues(t, 1, gaugeOf(families, "belay_in_flight"))
	require.EqualValues(t, 1, families["belay_restarts_total"].GetMetric()[0].GetCounter().GetValue())
	require.EqualValues(t, 0, families["belay_restart_failures_total"].GetMetric()[0].GetCounter().GetValue())
	families, err = scrape(heir)
	require.NoError(t, err)
	require.EqualValues(t, 1, gaugeOf(families, "belay_generation"))
	require.EqualValues(t, 1, gaugeOf(families, "belay_draining_processes"))
	require.Positive(t, gaugeOf(families, "belay_draining_seconds"))
	require.EqualValues(t, 0, gaugeOf(families, "belay_in_flight"))
	require.Len(t, targets(t, dir), 2)

	for range 10 { // for as long as there is something to drain
		_, err = scrape(old)
		require.NoError(t, err)
	}
	h.letGo(t)
	require.Equal(t, []string{fmt.Sprint(first), "<nil>"}, s.line("done"))
	require.Equal(t, []string{heir}, targets(t, dir))
	eventually(t, "the new one doesn't see it gone", func() bool {
		families, err = scrape(heir)
		require.NoError(t, err)
		return gaugeOf(families, "belay_draining_processes") == 0
	})
	require.EqualValues(t, 0, gaugeOf(families, "belay_draining_seconds"))
	require.NoError(t, syscall.Kill(second, syscall.SIGTERM))
	s.line("done")
	require.Empty(t, targets(t, dir))
}

// targets are what is written in dir for Prometheus.
func targets(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var groups []struct{ Targets []string }
		require.NoError(t, json.Unmarshal(text, &groups))
		for _, g := range groups {
			all = append(all, g.Targets...)
		}
	}
	return all
}

const configuration = `
global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [%q]
scrape_configs:
- job_name: shop
  file_sd_configs: [{files: [%q]}]
`

func TestPrometheusScrapesEveryGenerationAndKnowsTheAlerts(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed")
	}
	dir := t.TempDir()
	s := serve(t, dir)
	first, web, metrics := s.ready()
	ask := startPrometheus(t, program, dir)
	generations := func() []string { return ask("query", "query", "max by (instance) (belay_generation)").values() }
	eventually(t, "nothing is scraped", func() bool { return slices.Equal(generations(), []string{"0"}) })

	h := hold(t, web, metrics)
	require.NoError(t, syscall.Kill(first, syscall.SIGUSR2))
	second, _, _ := s.ready()
	eventually(t, "not both are scraped", func() bool { return slices.Equal(generations(), []string{"0", "1"}) })
	eventually(t, "it doesn't drain", func() bool {
		return slices.Equal(ask("query", "query", "belay_generation and belay_stopping == 1").values(), []string{"0"})
	})
	require.Equal(t, []string{"1"}, ask("query", "query", `belay_in_flight{job="shop",name="requests"} and on (instance) belay_stopping == 1`).values())
	require.Equal(t, []string{"0"}, ask("query", "query", `sum(belay_wait_seconds_count)`).values())

	rules := ask("rules").Data.Groups
	require.Len(t, rules, 1)
	require.Len(t, rules[0].Rules, 6)
	eventually(t, "the alerts aren't evaluated", func() bool {
		rules = ask("rules").Data.Groups
		return !slices.ContainsFunc(rules[0].Rules, func(r rule) bool { return r.Health != "ok" })
	})

	h.letGo(t)
	s.line("done")
	eventually(t, "the first is still a target", func() bool { return slices.Equal(generations(), []string{"1"}) })
	require.NoError(t, syscall.Kill(second, syscall.SIGTERM))
	s.line("done")
}

type rule struct{ Name, Health, LastError string }

// A reply is what Prometheus' API says.
type reply struct {
	Data struct {
		Result []struct{ Value [2]any }
		Groups []struct{ Rules []rule }
	}
}

// values are those of a query, sorted.
func (r reply) values() []string {
	var all []string
	for _, res := range r.Data.Result {
		all = append(all, fmt.Sprint(res.Value[1]))
	}
	slices.Sort(all)
	return all
}

// startPrometheus starts one that scrapes the targets in dir, and returns how to
// ask it.
func startPrometheus(t *testing.T, program, dir string) (ask func(path string, query ...string) reply) {
	t.Helper()
	alerts, err := filepath.Abs("alerts.yml")
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, configuration, alerts, filepath.Join(dir, "*.json")), 0o644))
	client, addr := http.Client{Timeout: patience}, ""
	get := func(path string, into any) error {
		resp, err := client.Get("http://" + addr + path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", path, resp.Status)
		}
		if into == nil {
			return nil
		}
		return json.NewDecoder(resp.Body).Decode(into)
	}
	for tries := 1; ; tries++ { // somebody else may be quicker to take the port
		var ended <-chan struct{}
		addr, ended = launch(t, program, config)
		gone := false
		eventually(t, "prometheus isn't ready", func() bool {
			select {
			case <-ended:
				gone = true
			default:
			}
			return gone || get("/-/ready", nil) == nil
		})
		if !gone {
			break
		}
		require.Less(t, tries, 3, "prometheus ends by itself")
	}
	return func(path string, query ...string) (r reply) {
		t.Helper()
		values := url.Values{}
		for i := 0; i < len(query); i += 2 {
			values.Set(query[i], query[i+1])
		}
		require.NoError(t, get("/api/v1/"+path+"?"+values.Encode(), &r))
		return r
	}
}

// launch starts a Prometheus on a port that is free at this moment; ended is
// closed when it has ended.
func launch(t *testing.T, program, config string) (addr string, ended <-chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = ln.Addr().String()
	require.NoError(t, ln.Close())
	var log bytes.Buffer
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	over := make(chan struct{})
	go func() { // ends with the process, which the cleanup kills
		defer close(over)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-over
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return addr, over
}
