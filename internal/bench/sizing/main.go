// Command sizing measures what too many goroutines cost, and what a limit that
// is too high or too low does. It prints the tables that docs/sizing.md shows.
//
//	go run ./internal/bench/sizing             some minutes
//	go run ./internal/bench/sizing -rounds 1   a look, in about a minute
//
// Each figure is the median of the rounds, and each row of each round has a
// process of its own, so that no row inherits the memory of the one before.
package main

// This file runs the rows as children and prints the tables.

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// child is set for a process that measures one row, to the table's number and
// the row's, as "1/3".
const child = "BELAY_SIZING_ROW"

func main() {
	if which := os.Getenv(child); which != "" {
		if err := measure(os.Stdout, which); err != nil {
			fmt.Fprintln(os.Stderr, "sizing:", err)
			os.Exit(1)
		}
		return
	}
	rounds := flag.Int("rounds", 3, "rounds of which each figure is the median")
	flag.Parse()
	if *rounds < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	fmt.Printf("%s %s/%s, %d processors, medians of %d rounds\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds)
	for i, t := range tables {
		results := make([][]float64, len(t.rows))
		for j := range t.rows {
			var err error
			if results[j], err = medians(i, j, *rounds); err != nil {
				fmt.Fprintf(os.Stderr, "sizing: table %d, row %d: %v\n", i+1, j+1, err)
				os.Exit(1)
			}
		}
		fmt.Printf("\n%s", t.markdown(results))
	}
}

// measure is a child's main function.
func measure(w io.Writer, which string) error {
	var i, j int
	if _, err := fmt.Sscanf(which, "%d/%d", &i, &j); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(tables[i].rows[j].run())
}

// medians runs a row in so many children, one after the other.
func medians(table, row, rounds int) ([]float64, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all [][]float64
	for range rounds {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d/%d", child, table, row))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		var values []float64
		if err := json.Unmarshal(out, &values); err != nil {
			return nil, err
		}
		all = append(all, values)
	}
	mid := make([]float64, len(all[0]))
	for c := range mid {
		column := make([]float64, len(all))
		for r := range all {
			column[r] = all[r][c]
		}
		slices.Sort(column)
		mid[c] = column[len(column)/2]
	}
	return mid, nil
}

// A table is one of the page's: its rows are told apart by their first cell.
type table struct {
	first   string
	columns []column
	rows    []row
}

type column struct {
	title string
	show  func(float64) string
}

type row struct {
	label string
	run   func() []float64 // one value for each column
}

// markdown lays the results out as the page has them.
func (t table) markdown(results [][]float64) string {
	var b strings.Builder
	b.WriteString("| " + t.first)
	for _, c := range t.columns {
		b.WriteString(" | " + c.title)
	}
	b.WriteString(" |\n|" + strings.Repeat("---|", len(t.columns)+1) + "\n")
	for j, r := range t.rows {
		b.WriteString("| " + r.label)
		for c, v := range results[j] {
			b.WriteString(" | " + t.columns[c].show(v))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}
