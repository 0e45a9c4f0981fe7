package migrate

// This file changes the text of files, and writes all of them or none.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// An edit is the new content of a file.
type edit struct {
	file          string
	before, after []byte
	absent        bool // there was no file
}

// edits returns the new texts of the files.
func (p *program) edits(list []Import) ([]edit, error) {
	paths := map[string]map[string]string{}
	var order []string
	for _, i := range list {
		if paths[i.File] == nil {
			paths[i.File] = map[string]string{}
			order = append(order, i.File)
		}
		paths[i.File][i.From] = i.To
	}
	var edits []edit
	for _, file := range order {
		before, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		after, err := rewrite(before, paths[file])
		if err != nil {
			return nil, errorf("%s: %w", file, err)
		}
		edits = append(edits, edit{file: file, before: before, after: after})
	}
	return edits, nil
}

// rewrite replaces import paths. A file that was gofmt'ed is so again, its
// imports sorted; in any other one nothing else changes.
func rewrite(src []byte, paths map[string]string) ([]byte, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	out := src
	for _, spec := range slices.Backward(f.Imports) {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if to, ok := paths[path]; ok {
			at, end := fset.PositionFor(spec.Path.Pos(), false).Offset, fset.PositionFor(spec.Path.End(), false).Offset
			out = slices.Concat(out[:at], []byte(strconv.Quote(to)), out[end:])
		}
	}
	if formatted, err := format.Source(src); err == nil && bytes.Equal(formatted, src) {
		return format.Source(out)
	}
	return out, nil
}

// fill puts what was found into the report.
func (p *program) fill(r *Report, graphs []*graph) {
	for _, s := range p.files {
		s.imports.each(len(p.pairs), func(i int) {
			imp := Import{File: s.name, Line: s.lines[i], From: p.pairs[i].from, To: p.pairs[i].to}
			switch {
			case !s.matched:
			case p.moves(graphs, s.name, i):
				r.Rewritten = append(r.Rewritten, imp)
				p.remark(r, s, i)
			default:
				r.Kept = append(r.Kept, Kept{imp, graphs[i].why(s.name)})
			}
		})
	}
	order := func(a, b Import) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.From, b.From)) }
	slices.SortFunc(r.Rewritten, order)
	slices.SortFunc(r.Kept, func(a, b Kept) int { return order(a.Import, b.Import) })
	r.Findings = p.findings
	slices.SortStableFunc(r.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Text, b.Text))
	})
	if p.unchecked {
		r.Notes = append(r.Notes, Note{Text: "the result has not been type-checked"})
	}
}

// remark notes what to know about a file that moves.
func (p *program) remark(r *Report, s *source, i int) {
	at := token.Position{Filename: s.name, Line: s.lines[i]}
	if !s.seen {
		r.Notes = append(r.Notes, Note{Pos: at, Text: "isn't built here, so nothing has type-checked it: go vet it with its tags and system"})
	}
	f, err := parser.ParseFile(token.NewFileSet(), s.name, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err == nil && ast.IsGenerated(f) {
		r.Notes = append(r.Notes, Note{Pos: at, Text: "is generated: what generates it has to agree"})
	}
	for _, n := range p.exported[s.name] {
		if strings.HasPrefix(n.Text, p.pairs[i].name()+": ") {
			r.Notes = append(r.Notes, n)
		}
	}
}

// apply writes the new contents next to the files and then renames them all.
// If that fails half-way, the old contents come back.
func apply(ctx context.Context, edits []edit) (err error) {
	temps := make([]string, len(edits))
	defer func() {
		for _, t := range temps {
			if t != "" {
				os.Remove(t)
			}
		}
	}()
	for i, e := range edits {
		if temps[i], err = beside(e.file, e.after); err != nil {
			return err
		}
		if now, err := os.ReadFile(e.file); !e.absent && (err != nil || !bytes.Equal(now, e.before)) {
			return errors.Join(errorf("%s has changed meanwhile", e.file), err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, e := range edits {
		if err := os.Rename(temps[i], e.file); err != nil {
			return errors.Join(err, restore(edits[:i]))
		}
		temps[i] = ""
	}
	return nil
}

// beside writes a file next to the one that it is to replace, with its mode.
func beside(name string, content []byte) (string, error) {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".belay-vet-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Chmod(mode), f.Close())
}

// restore brings back the old contents.
func restore(edits []edit) error {
	var errs []error
	for _, e := range edits {
		if e.absent {
			errs = append(errs, os.Remove(e.file))
			continue
		}
		temp, err := beside(e.file, e.before)
		if err == nil {
			err = os.Rename(temp, e.file)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
