package migrate

// This file is what people get to read.

import (
	"fmt"
	"go/token"
	"io"
	"path/filepath"
	"strings"
)

// Report is what has moved, or would move.
type Report struct {
	Applied, Revert bool

	Rewritten []Import // by file and path
	Kept      []Kept   // likewise
	Findings  []Note   // what is wrong in the module, whether it moves or not
	Notes     []Note   // what to know about the result
	Next      []string // what is left to do

	dir string
}

// Import is the import of one file.
type Import struct {
	File     string // absolute
	Line     int
	From, To string
}

// Kept is an import that stays as it is.
type Kept struct {
	Import
	// Why leads from the file to what forces it to stay: the last one forces,
	// those before say with which file values are shared.
	Why []Note
}

// Note is something to say about a place. The place may be absent.
type Note struct {
	Pos  token.Position
	Func string // that the place is in
	Text string
}

// place returns the file as people in the report's folder call it.
func (r *Report) place(file string) string {
	if rel, err := filepath.Rel(r.dir, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}

func (r *Report) note(n Note) string {
	if n.Pos.Filename == "" {
		return n.Text
	}
	at := r.place(n.Pos.Filename)
	if n.Pos.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, n.Pos.Line)
	}
	if n.Func != "" {
		at += ", in " + n.Func
	}
	return at + ": " + n.Text
}

// WriteTo writes the report as text. Its last line sums it up.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, i := range r.Rewritten {
		fmt.Fprintf(&b, "%s:%d: %s -> %s\n", r.place(i.File), i.Line, i.From, i.To)
	}
	for _, k := range r.Kept {
		fmt.Fprintf(&b, "%s:%d: keeps %s\n", r.place(k.File), k.Line, k.From)
		for _, n := range k.Why {
			fmt.Fprintf(&b, "\t%s\n", r.note(n))
		}
	}
	for _, n := range r.Findings {
		fmt.Fprintf(&b, "%s\n", r.note(n))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", r.note(n))
	}
	for _, s := range r.Next {
		fmt.Fprintf(&b, "next: %s\n", s)
	}
	switch {
	case len(r.Rewritten)+len(r.Kept) == 0:
		b.WriteString("nothing to rewrite\n")
	case r.Applied:
		fmt.Fprintf(&b, "rewritten %d, kept %d\n", len(r.Rewritten), len(r.Kept))
	default:
		fmt.Fprintf(&b, "would be rewritten %d, kept %d; -fix does it\n", len(r.Rewritten), len(r.Kept))
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
