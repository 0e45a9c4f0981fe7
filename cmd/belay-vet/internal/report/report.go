// Package report reads what a vet tool found, and writes it for people, for
// programs, and as SARIF.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Finding is one thing found.
type Finding struct {
	Check   string    `json:"check"`
	Package string    `json:"package"`
	File    string    `json:"file"` // relative to the folder that Read was given, if it is below it; with slashes
	Line    int       `json:"line"`
	Column  int       `json:"column"` // in bytes, from 1
	Message string    `json:"message"`
	Related []Related `json:"related,omitempty"`
	Fix     string    `json:"fix,omitempty"` // what -fix does about it; empty: nothing
}

// Related is another place that a finding speaks of.
type Related struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// found is a finding as package unitchecker prints it.
type found struct {
	Posn    string
	Message string
	Related []struct{ Posn, Message string }
	Fixes   []struct{ Message string } `json:"suggested_fixes"`
}

// Read reads the objects that go vet -json prints, one a package, and returns
// the findings by file and line, each once: a package and its test variant have
// files in common. A check that failed is an error.
func Read(r io.Reader, dir string) ([]Finding, error) {
	var all []Finding
	for d := json.NewDecoder(r); ; {
		var packages map[string]map[string]json.RawMessage
		err := d.Decode(&packages)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("what go vet printed: %w", err)
		}
		for pkg, checks := range packages {
			for check, raw := range checks {
				var list []found
				if err := json.Unmarshal(raw, &list); err != nil {
					return nil, fmt.Errorf("%s: %s: %s", pkg, check, raw)
				}
				for _, f := range list {
					all = append(all, f.finding(check, pkg, dir))
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Check, b.Check), strings.Compare(a.Message, b.Message), strings.Compare(a.Package, b.Package))
	})
	return slices.CompactFunc(all, func(a, b Finding) bool {
		return a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Check == b.Check && a.Message == b.Message
	}), nil
}

func (f found) finding(check, pkg, dir string) Finding {
	pkg, _, _ = strings.Cut(pkg, " ") // "p [p.test]" is p with its tests
	out := Finding{Check: check, Package: pkg, Message: f.Message}
	out.File, out.Line, out.Column = position(f.Posn, dir)
	for _, r := range f.Related {
		file, line, column := position(r.Posn, dir)
		out.Related = append(out.Related, Related{file, line, column, r.Message})
	}
	if len(f.Fixes) > 0 {
		out.Fix = f.Fixes[0].Message
	}
	return out
}

// position takes file:line:column apart; a file's name may have colons too.
func position(posn, dir string) (file string, line, column int) {
	var numbers [2]int
	for i := 1; i >= 0; i-- {
		at := strings.LastIndexByte(posn, ':')
		if at < 0 {
			break
		}
		n, err := strconv.Atoi(posn[at+1:])
		if err != nil {
			break
		}
		numbers[i], posn = n, posn[:at]
	}
	if rel, err := filepath.Rel(dir, posn); err == nil && filepath.IsLocal(rel) {
		posn = rel
	}
	return filepath.ToSlash(posn), numbers[0], numbers[1]
}

// Text writes a line for each finding, another for each place that it speaks
// of, and at the end how many there were, and how many of them -fix can mend.
func Text(w io.Writer, findings []Finding) error {
	var b strings.Builder
	fixes := 0
	for _, f := range findings {
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s\n", f.File, f.Line, f.Column, f.Check, f.Message)
		for _, r := range f.Related {
			fmt.Fprintf(&b, "\t%s:%d:%d: %s\n", r.File, r.Line, r.Column, r.Message)
		}
		if f.Fix != "" {
			fixes++
		}
	}
	switch {
	case len(findings) == 0:
		b.WriteString("nothing found\n")
	default:
		fmt.Fprintf(&b, "%d found, %d of them with a fix (-fix applies, -diff shows); belay-vet help CHECK explains\n", len(findings), fixes)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the findings as an array.
func JSON(w io.Writer, findings []Finding) error {
	if findings == nil {
		findings = []Finding{}
	}
	return write(w, findings)
}

func write(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	return e.Encode(v)
}
