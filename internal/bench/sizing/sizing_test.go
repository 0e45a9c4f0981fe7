package main

// This file tests that the page shows the tables that the command prints, and
// that what they are computed from is right.

import (
	"os"
	"regexp"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shape is a pattern for a table with any figures in it.
func (t table) shape() string {
	var results [][]float64
	for range t.rows {
		results = append(results, make([]float64, len(t.columns)))
	}
	var lines []string
	for i, line := range strings.Split(strings.TrimSpace(t.markdown(results)), "\n") {
		if i < 2 {
			lines = append(lines, regexp.QuoteMeta(line))
			continue
		}
		pattern := `\| ` + regexp.QuoteMeta(t.rows[i-2].label)
		for range t.columns {
			pattern += ` \| [0-9.]+( (s|ms|µs|KiB|MiB|GiB|%))?`
		}
		lines = append(lines, pattern+` \|`)
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestThePageShowsTheTablesOfThisCommand(t *testing.T) {
	page, err := os.ReadFile("../../../docs/sizing.md")
	require.NoError(t, err)
	found := 0
	for _, table := range tables {
		require.Regexp(t, table.shape(), string(page))
		found += len(table.rows)
		other := table
		other.rows = append(other.rows[:0:0], other.rows...)
		other.rows[0].label += "0"
		require.NotRegexp(t, other.shape(), string(page), "a pattern that any page would match")
	}
	require.Equal(t, 20, found)
}

func TestFiguresAreShownWithTheirUnits(t *testing.T) {
	require.Equal(t, "2.0 KiB", size(2<<10))
	require.Equal(t, "1.5 MiB", size(1.5*(1<<20)))
	require.Equal(t, "20 MiB", size(20<<20))
	require.Equal(t, "1.0 GiB", size(1<<30))
	require.Equal(t, "5 µs", duration(5e-6))
	require.Equal(t, "5.0 ms", duration(5e-3))
	require.Equal(t, "50 ms", duration(0.05))
	require.Equal(t, "5.0 s", duration(5))
	require.Equal(t, "50 s", duration(50))
	require.Equal(t, "50 %", percent(0.5))
	require.Equal(t, "3", count(2.6))
}

func TestAQuantileIsOneOfTheValues(t *testing.T) {
	require.Equal(t, 2.0, quantile([]float64{3, 1, 2}, 0.5))
	require.Equal(t, 3.0, quantile([]float64{3, 1, 2}, 0.99))
	require.Equal(t, 1.0, quantile([]float64{1}, 0.99))
}

func TestTheLongestPauseIsTheHighestBucketThatGained(t *testing.T) {
	h := func(counts ...uint64) *metrics.Float64Histogram {
		return &metrics.Float64Histogram{Counts: counts, Buckets: []float64{0, 1, 2, 3}}
	}
	require.Equal(t, 2.0, longest(h(1, 1, 1), h(2, 2, 1)))
	require.Zero(t, longest(h(1, 1, 1), h(1, 1, 1)))
}

// What the first table says of its goroutines is so for a few of them.
func TestGoroutinesThatWaitTakeMemory(t *testing.T) {
	flat, deep := park(2000, 0), park(2000, 8)
	require.Greater(t, flat[1], 1024.0, "a stack of two KiB, less what other tests have left to be used again")
	require.Greater(t, deep[1], 8*1024.0)
}

func TestARowIsMeasuredInAProcessOfItsOwn(t *testing.T) {
	for _, which := range []string{"", "x", "1"} {
		require.Error(t, measure(os.Stderr, which))
	}
	var out strings.Builder
	require.NoError(t, measure(&out, "0/0"))
	require.Regexp(t, `^\[([0-9.e+-]+,?){4}\]\n$`, out.String())
}
