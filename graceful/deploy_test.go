package graceful_test

// The sum that every manifest of this repository has to keep, and that nobody
// checks when one of its terms is changed.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// period is after how long SIGKILL comes.
	period = regexp.MustCompile(`(?:terminationGracePeriodSeconds["']?: *|TimeoutStopSec=)(\d+)`)

	// stopBudget is a stop's budget as a flag, a variable, a line of Go or a
	// remark says it.
	stopBudget = regexp.MustCompile(`(?:-grace[= ]|name: \w*BUDGET\w*\s+value: ["']?|\bBudget: +|[Bb]udget: +)(\d+)(?:s| s| \* time\.Second)\b`)

	preStop      = regexp.MustCompile(`(?m)^[^#\n]*\bpreStop["']?:`)
	preStopSleep = regexp.MustCompile(`preStop["']?:\s*\n?[^\n]*(?:\bsleep: *\{?\s*seconds: *|\bsleep["']?,? *["']?)(\d+)`)

	// fence and document are where one manifest ends and another begins.
	fence    = regexp.MustCompile("(?m)^ *```.*$")
	document = regexp.MustCompile(`(?m)^---$`)
)

// badSums returns what is wrong in the manifests of a text, and how many there
// are.
func badSums(name, text string) (manifests int, wrong []error) {
	split := document
	if filepath.Ext(name) == ".md" {
		split = fence
	}
	for _, manifest := range split.Split(text, -1) {
		if period.MatchString(manifest) {
			manifests++
			if err := badSum(manifest); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return manifests, wrong
}

// badSum says what is wrong in a manifest that has a period.
func badSum(manifest string) error {
	periods, budgets := seconds(period, manifest), seconds(stopBudget, manifest)
	switch {
	case len(periods) != 1:
		return fmt.Errorf("periods of %v s: one manifest has one", periods)
	case len(budgets) == 0:
		return errors.New("a period, and nothing says the budget")
	case len(slices.Compact(budgets)) > 1:
		return fmt.Errorf("budgets of %v s", budgets)
	}
	before := 0
	if preStop.MatchString(manifest) {
		sleeps := seconds(preStopSleep, manifest)
		if len(sleeps) != 1 {
			return errors.New("a preStop hook, and nothing says how long it takes")
		}
		before = sleeps[0]
	}
	if want := periods[0] - before - 2; budgets[0] != want {
		return fmt.Errorf("a budget of %d s, and not of %d - %d - 2", budgets[0], periods[0], before)
	}
	return nil
}

func seconds(pattern *regexp.Regexp, text string) []int {
	var found []int
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			n = -1 // too long a number is no sum that holds
		}
		found = append(found, n)
	}
	return found
}

func TestEveryManifestKeepsTheSumOfItsBudget(t *testing.T) {
	manifests := map[string]int{}
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := filepath.Ext(path)
		if !slices.Contains([]string{".yaml", ".yml", ".md", ".service"}, ext) && filepath.Base(path) != "doc.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		n, wrong := badSums(path, string(text))
		manifests[filepath.ToSlash(path)] = n
		for _, err := range wrong {
			t.Error(err)
		}
		return nil
	}))
	require.Equal(t, 1, manifests["../graceful/deploy/kubernetes.yaml"])
	require.Equal(t, 1, manifests["../graceful/deploy/service.service"])
	require.Contains(t, manifests, "../README.md")
	require.Contains(t, manifests, "../graceful/doc.go")
}

func TestAManifestWithAWrongSumIsCaught(t *testing.T) {
	good, err := os.ReadFile("deploy/kubernetes.yaml")
	require.NoError(t, err)
	unit, err := os.ReadFile("deploy/service.service")
	require.NoError(t, err)
	hook := func(text string) []string {
		return []string{"          # No preStop hook", "          lifecycle:\n            " + text + "\n          # No preStop hook"}
	}
	for _, c := range []struct {
		name    string
		replace []string
		text    string // "": the sum is kept
	}{
		{"as it is", nil, ""},
		{"a longer period", []string{"Seconds: 30", "Seconds: 60"}, "a budget of 28 s, and not of 60 - 0 - 2"},
		{"a shorter period", []string{"Seconds: 30", "Seconds: 10"}, "a budget of 28 s, and not of 10 - 0 - 2"},
		{"a longer budget", []string{"value: 28s", "value: 30s"}, "a budget of 30 s"},
		{"no budget", []string{"value: 28s", "value: all"}, "nothing says the budget"},
		{"two budgets", []string{"$(STOP_BUDGET)", "25s"}, "budgets of [25 28] s"},
		{"two periods", []string{"          ports:", "          terminationGracePeriodSeconds: 5\n          ports:"}, "periods of [30 5] s"},
		{"a hook that nobody counted", hook("preStop: {sleep: {seconds: 5}}"), "a budget of 28 s, and not of 30 - 5 - 2"},
		{"the same as a command", hook(`preStop: {exec: {command: ["sleep", "5"]}}`), "a budget of 28 s, and not of 30 - 5 - 2"},
		{"the same in a shell", hook("preStop:\n              exec: {command: [sh, -c, sleep 5]}"), "a budget of 28 s, and not of 30 - 5 - 2"},
		{"a hook that may take any time", hook(`preStop: {exec: {command: [/leave]}}`), "a preStop hook, and nothing says how long it takes"},
		{"a hook that is counted", append(hook("preStop: {sleep: {seconds: 5}}"), "value: 28s", "value: 23s"), ""},
	} {
		text := strings.NewReplacer(c.replace...).Replace(string(good))
		require.Equal(t, c.replace == nil, text == string(good), c.name)
		_, wrong := badSums("a.yaml", text)
		// The same below another manifest, and in the middle of a page.
		_, below := badSums("a.yaml", string(good)+"\n---\n"+text)
		_, inPage := badSums("a.md", "A page.\n```yaml\n"+string(good)+"```\nand\n```yaml\n"+text+"```\n")
		for _, wrong := range [][]error{wrong, below, inPage} {
			if c.text == "" {
				require.Empty(t, wrong, c.name)
				continue
			}
			require.Len(t, wrong, 1, c.name)
			require.ErrorContains(t, wrong[0], c.text, c.name)
		}
	}
	_, wrong := badSums("a.service", strings.Replace(string(unit), "TimeoutStopSec=30", "TimeoutStopSec=25", 1))
	require.Len(t, wrong, 1)
}
