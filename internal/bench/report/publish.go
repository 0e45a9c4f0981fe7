package report

// This file writes what the project shows of a run: the figures for machines, the
// charts, and the README's table.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The README's table stands between these.
const (
	from = "<!-- figures: go run ./internal/bench -publish -->\n"
	to   = "<!-- end of figures -->"
)

// results is where the project keeps what was published last.
const results = "internal/bench/results"

// Publish writes r's figures, charts and table to their places in the project
// that the current folder is in. Nothing is written if a row is missing that the
// README shows.
func Publish(r *Report) error {
	root, err := Root()
	if err != nil {
		return err
	}
	readme := filepath.Join(root, "README.md")
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	page, err := Insert(old, r)
	if err != nil {
		return err
	}
	pictures, err := Draw(r)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, results)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, svg := range pictures {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	if err := r.Save(filepath.Join(dir, "results.json")); err != nil {
		return err
	}
	return os.WriteFile(readme, page, 0o644)
}

// Published returns what was published last.
func Published() (*Report, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return Load(filepath.Join(root, results, "results.json"))
}

// Root returns the project's folder: the current one or the closest above it that
// has a go.work.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("report: not inside of the project")
		}
		dir = up
	}
}

// Insert returns a page with r's table in the place of the one that it has.
func Insert(page []byte, r *Report) ([]byte, error) {
	before, rest, begins := bytes.Cut(page, []byte(from))
	_, after, ends := bytes.Cut(rest, []byte(to))
	if !begins || !ends {
		return nil, fmt.Errorf("report: the page has no lines %q and %q", strings.TrimSpace(from), to)
	}
	table, err := Quote(r)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{before, []byte(from), []byte(table), []byte(to), after}, nil), nil
}

// Quote returns what the README says of r.
func Quote(r *Report) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s on %s, %s, %d processors; medians of %d or more pairs, taken in turn in one process.\n%s\n\n",
		r.Machine.Go, r.Machine.System, r.Machine.CPU, r.Machine.Processors, r.Counts, r.standing())
	for _, c := range charts {
		fmt.Fprintf(&b, "![%s beside its peers](%s/%s.svg)\n", c.title, results, c.name)
	}
	fmt.Fprintf(&b, "![How costs grow](%s/growth.svg)\n", results)
	b.WriteString("\n| | beside | times as fast | claimed, at the least |\n|---|---|---|---|\n")
	for _, c := range charts {
		rows, err := c.find(r)
		if err != nil {
			return "", err
		}
		for _, f := range rows {
			claimed := ""
			if f.row.Target > 0 {
				claimed = digits(f.row.Target)
			}
			if f.row.Verdict == Short {
				claimed += ", missed"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.say, f.peer, digits(f.row.Ratio), claimed)
		}
	}
	b.WriteByte('\n')
	return b.String(), nil
}

// standing says how many claims hold.
func (r *Report) standing() string {
	short, claims := r.Count(Short)
	open, _ := r.Count(Open)
	return fmt.Sprintf("Of %d claims %d hold, %d are open (the median is beyond, the interval not) and %d are missed.",
		claims, claims-open-short, open, short)
}
