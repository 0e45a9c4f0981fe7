package report_test

// This file tests what a report says, and that what the README says is what the
// last run has found.

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/bench/report"
)

func TestTheREADMESaysWhatTheLastPublishedRunHasFound(t *testing.T) {
	last, err := report.Published()
	require.NoError(t, err)
	root, err := report.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	now, err := report.Insert(page, last)
	require.NoError(t, err)
	require.Equal(t, string(page), string(now), "go run ./internal/bench -publish")
	pictures, err := report.Draw(last)
	require.NoError(t, err)
	for name, svg := range pictures {
		drawn, err := os.ReadFile(filepath.Join(root, "internal/bench/results", name))
		require.NoError(t, err)
		require.Equal(t, svg, string(drawn), name)
	}

	// A figure that somebody improves by hand is found.
	row := &last.Suites[0].Rows[0]
	for i := range last.Suites[0].Rows {
		if last.Suites[0].Rows[i].Shape == "empty, limit 64" {
			row = &last.Suites[0].Rows[i]
			break
		}
	}
	row.Ratio *= 1.1
	other, err := report.Insert(page, last)
	require.NoError(t, err)
	require.NotEqual(t, string(page), string(other))
}

func TestAPublishedRunIsAWholeOne(t *testing.T) {
	last, err := report.Published()
	require.NoError(t, err)
	require.GreaterOrEqual(t, last.Counts, 6)
	_, claims := last.Count(report.Short)
	require.Greater(t, claims, 100)
	require.NotEmpty(t, last.Machine.CPU)
	require.Contains(t, last.Versions(), "golang.org/x/sync v")
}

func TestAVerdictLooksAtTheMedianAndAtTheFarEndOfTheInterval(t *testing.T) {
	require.Equal(t, report.Holds, report.AtLeast(2, 3, 2))
	require.Equal(t, report.Open, report.AtLeast(1.9, 2, 2))
	require.Equal(t, report.Short, report.AtLeast(1.8, 1.9, 2))
	require.Equal(t, report.Holds, report.AtMost(2, 1, 2))
	require.Equal(t, report.Open, report.AtMost(2.1, 2, 2))
	require.Equal(t, report.Short, report.AtMost(2.2, 2.1, 2))
	require.Equal(t, report.Short, report.Worst("", report.Short, report.Open))
	require.Equal(t, report.Open, report.Worst(report.Open, report.Holds))
}

func sample() *report.Report {
	return &report.Report{Took: "1m0s", Counts: 6, Suites: []report.Suite{{Name: "s", Rows: []report.Row{
		{Shape: "a", Peer: "p", Theirs: 1234, Ours: .347, Ratio: 3556, Low: .5, High: 12.34, Target: .99, Verdict: report.Short, Found: "more"},
		{Shape: "b", Peer: "p", Verdict: report.Holds},
		{Shape: "c", Peer: "p", Verdict: report.Open},
		{Shape: "d", Peer: "p", Curve: "grows, <by> n", At: 1, Theirs: 10, Ours: 20},
		{Shape: "e", Peer: "p", Curve: "grows, <by> n", At: 1e6, Theirs: 999, Ours: 200},
	}}}}
}

func TestALineHasThreeDigitsOfEverything(t *testing.T) {
	r := sample()
	require.Equal(t, "| a | p | 1.23 µs | 0.347 ns | 3556 | 0.500-12.3 | 0.990 | SHORT, more |", r.Suites[0].Rows[0].String())
	require.Equal(t, "3 claims: 1 hold, 1 open, 1 SHORT; 1m0s", r.Summary())
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	r, path := sample(), filepath.Join(t.TempDir(), "r.json")
	require.NoError(t, r.Save(path))
	again, err := report.Load(path)
	require.NoError(t, err)
	require.Equal(t, r, again)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = report.Load(path)
	require.ErrorContains(t, err, path)
}

func TestARunWithoutARowOfTheREADMEIsNotPublished(t *testing.T) {
	_, err := report.Quote(sample())
	require.ErrorContains(t, err, "no row")
	_, err = report.Draw(sample())
	require.ErrorContains(t, err, "no row")
	_, err = report.Insert([]byte("a page"), sample())
	require.ErrorContains(t, err, "has no lines")
}

func TestThePicturesAreXMLAndReadableOnDarkAndLight(t *testing.T) {
	last, err := report.Published()
	require.NoError(t, err)
	pictures, err := report.Draw(last)
	require.NoError(t, err)
	require.Contains(t, pictures, "growth.svg")
	for name, svg := range pictures {
		require.Contains(t, svg, "prefers-color-scheme:dark", name)
		require.NotContains(t, svg, "%!", name)
		require.NotContains(t, svg, "NaN", name)
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
		}
	}
}
