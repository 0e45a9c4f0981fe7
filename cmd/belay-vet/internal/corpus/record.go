package main

// This file is the record: which modules were looked at, and what was thought
// of each finding.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Module is a module that was looked at.
type Module struct {
	Path, Version string
	Patterns      []string // the packages
}

// Verdict is what reading the code said of a finding.
type Verdict struct {
	Module, Version, Check string
	At                     string // file:line from the module's root
	Verdict                string // true, false or unclear
	Why                    string // in a line
}

// Record is both.
type Record struct {
	Modules  []Module
	Verdicts []Verdict
}

// Load reads modules.tsv and verdicts.tsv in dir.
func Load(dir string) (Record, error) {
	var r Record
	modules, err := table(filepath.Join(dir, "modules.tsv"), 3)
	if err != nil {
		return r, err
	}
	for _, m := range modules {
		r.Modules = append(r.Modules, Module{m[0], m[1], strings.Fields(m[2])})
	}
	verdicts, err := table(filepath.Join(dir, "verdicts.tsv"), 6)
	if err != nil {
		return r, err
	}
	for _, v := range verdicts {
		if !slices.Contains([]string{"true", "false", "unclear"}, v[4]) || v[5] == "" {
			return r, fmt.Errorf("no verdict, or no reason: %q", v)
		}
		r.Verdicts = append(r.Verdicts, Verdict{v[0], v[1], v[2], v[3], v[4], v[5]})
	}
	return r, nil
}

func table(name string, columns int) ([][]string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(string(content)) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != columns {
			return nil, fmt.Errorf("%s: %d columns, not %d: %q", name, len(row), columns, line)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (r Record) of(m Module) []Verdict {
	return slices.DeleteFunc(slices.Clone(r.Verdicts), func(v Verdict) bool { return v.Module != m.Path || v.Version != m.Version })
}

// tally counts the verdicts of those that match.
func (r Record) tally(match func(Verdict) bool) (right, wrong, unclear int) {
	for _, v := range r.Verdicts {
		switch {
		case !match(v):
		case v.Verdict == "true":
			right++
		case v.Verdict == "false":
			wrong++
		default:
			unclear++
		}
	}
	return right, wrong, unclear
}

// Verify fails if fewer than 95 of 100 findings are true; one that is unclear
// counts as one that is not.
func (r Record) Verify() error {
	right, wrong, unclear := r.tally(func(Verdict) bool { return true })
	if all := right + wrong + unclear; all == 0 || right*100 < all*95 {
		return fmt.Errorf("%d of %d findings are true", right, all)
	}
	return nil
}

// Page returns the record as the page that people read.
func (r Record) Page() string {
	var b strings.Builder
	right, wrong, unclear := r.tally(func(Verdict) bool { return true })
	fmt.Fprintf(&b, `# What the checks find in real code

This page is written by `+"`go run ./internal/corpus -write`"+`, from the tables in [real-code](real-code); without
-write the command runs the checks again and compares. Every finding was judged by reading the code around
it: true if what the check says goes wrong can go wrong there, whether or not it ever hurt anybody.
Test files count like all others.

%d modules, %d findings: %d true, %d false, %d unclear.

| module | version | packages | true | false | unclear |
|---|---|---|---|---|---|
`, len(r.Modules), len(r.Verdicts), right, wrong, unclear)
	for _, m := range r.Modules {
		right, wrong, unclear := r.tally(func(v Verdict) bool { return v.Module == m.Path })
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d |\n", m.Path, m.Version, strings.Join(m.Patterns, " "), right, wrong, unclear)
	}
	var names []string
	for _, v := range r.Verdicts {
		names = append(names, v.Check)
	}
	slices.Sort(names)
	b.WriteString("\n| check | true | false | unclear |\n|---|---|---|---|\n")
	for _, name := range slices.Compact(names) {
		right, wrong, unclear := r.tally(func(v Verdict) bool { return v.Check == name })
		fmt.Fprintf(&b, "| [%s](../checks/%s/doc.md) | %d | %d | %d |\n", name, name, right, wrong, unclear)
	}
	b.WriteString("\n| module | check | place | verdict | why |\n|---|---|---|---|---|\n")
	for _, v := range r.Verdicts {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", v.Module, v.Check, v.At, v.Verdict, strings.ReplaceAll(v.Why, "|", "\\|"))
	}
	return b.String()
}
