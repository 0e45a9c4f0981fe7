package belayprometheus_test

// The files beside the code: that they speak of metrics that there are, and of
// all of them, and that Prometheus' own tools have nothing to say.

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

var metricName = regexp.MustCompile(`\bbelay_[a-z_]+`)

// named are the metrics that a text names; the parts of a histogram are the
// histogram.
func named(text string) []string {
	var all []string
	for _, name := range metricName.FindAllString(text, -1) {
		if strings.HasPrefix(name, "belay_wait_seconds_") {
			name = "belay_wait_seconds"
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestTheTableListsEveryMetricAndNoOther(t *testing.T) {
	var listed []string
	for line := range strings.Lines(read(t, "README.md")) {
		if strings.HasPrefix(line, "| `belay_") {
			names := named(line)
			require.Len(t, names, 1, line)
			listed = append(listed, names...)
		}
	}
	slices.Sort(listed)
	require.Equal(t, described(t), listed)
	require.Subset(t, described(t), named(read(t, "doc.go")))
}

func TestTheDashboardShowsEveryMetricAndNoOther(t *testing.T) {
	var board struct {
		Title         string
		SchemaVersion int
		Templating    struct{ List []struct{ Name string } }
		Panels        []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ Expr, RefID, LegendFormat string }
		}
	}
	text := read(t, "dashboard.json")
	require.NoError(t, json.Unmarshal([]byte(text), &board))
	variables := map[string]bool{"__rate_interval": true}
	for _, v := range board.Templating.List {
		variables[v.Name] = true
	}
	var exprs strings.Builder
	ids := map[int]bool{}
	for _, p := range board.Panels {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			exprs.WriteString(target.Expr + "\n")
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				require.True(t, variables[v[1]], target.Expr)
			}
		}
	}
	require.Equal(t, described(t), named(exprs.String()))
	require.Subset(t, described(t), slices.DeleteFunc(named(text), func(name string) bool { return name == "belay_" }))
}

func TestTheAlertsAreOnMetricsThatThereAre(t *testing.T) {
	for _, file := range []string{"alerts.yml", "alerts_test.yml"} {
		names := named(read(t, file))
		require.NotEmpty(t, names)
		require.Subset(t, described(t), names, file)
	}
	require.Equal(t, 6, strings.Count(read(t, "alerts.yml"), "- alert: "))
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, "alerts.yml"), -1) {
		require.Contains(t, read(t, "alerts_test.yml"), alert[1])
	}
}

func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestPromtoolPassesTheAlertsAndTheirTests(t *testing.T) {
	for _, file := range []string{"alerts.yml", "alerts_test.yml"} {
		require.NotEmpty(t, read(t, file)) // go test knows only what it has read itself
	}
	require.Contains(t, promtool(t, "", "check", "rules", "alerts.yml"), "6 rules found")
	require.Contains(t, promtool(t, "", "test", "rules", "alerts_test.yml"), "SUCCESS")
}

func TestPromtoolHasNothingToSayOfTheMetrics(t *testing.T) {
	m := graceful.New(graceful.Options{})
	m.Add(0, graceful.Component{Name: "db", Stop: func(context.Context) error { return nil }})
	require.Empty(t, promtool(t, text(t, everything(m)), "check", "metrics"))
}

// What the dashboard asks is a rule's expression to promtool, once Grafana's
// variables have values.
func TestPromtoolUnderstandsWhatTheDashboardAsks(t *testing.T) {
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "dashboard.json")), &board))
	var rules bytes.Buffer
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	n := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			n++
			expr, err := json.Marshal(strings.NewReplacer("$__rate_interval", "1m").Replace(target.Expr))
			require.NoError(t, err)
			rules.WriteString("  - {record: 'panel:" + strings.Repeat("x", n) + "', expr: " + string(expr) + "}\n")
		}
	}
	file := t.TempDir() + "/rules.yml"
	require.NoError(t, os.WriteFile(file, rules.Bytes(), 0o644))
	require.Contains(t, promtool(t, "", "check", "rules", file), "SUCCESS")
}
