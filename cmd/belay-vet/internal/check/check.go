// Package check turns a page and a function into an analyzer, so that every
// check of the module has the same manners: its documentation is the page
// beside it, a generated file is left alone, and a line that says
// //belay:ignore with a reason is believed.
package check

import (
	"go/ast"
	"go/token"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Pages is the folder, at the project's address, that has a folder with a
// doc.md for each check.
const Pages = "https://github.com/belay-go/belay/blob/main/cmd/belay-vet/checks/"

// Pass is what a check sees of one package.
type Pass struct {
	*analysis.Pass

	// Root is the cursor above all files of the package.
	Root inspector.Cursor
}

// New returns the analyzer of that name. The page is Markdown: a heading with
// the name, an empty line, one line that sums it up, and then the rest.
// What run needs beside the syntax tree (ctrlflow, for instance) it names in
// requires.
func New(name, page string, run func(*Pass), requires ...*analysis.Analyzer) *analysis.Analyzer {
	heading, rest, found := strings.Cut(page, "\n\n")
	if !found || strings.TrimSpace(heading) != "# "+name {
		panic("check: the page of " + name + " does not begin with its name")
	}
	return &analysis.Analyzer{
		Name:     name,
		Doc:      name + ": " + strings.TrimSpace(rest),
		URL:      Pages + name + "/doc.md",
		Requires: append([]*analysis.Analyzer{inspect.Analyzer}, requires...),
		Run: func(pass *analysis.Pass) (any, error) {
			quiet := silences(pass)
			own := *pass
			own.Report = func(d analysis.Diagnostic) {
				if !quiet.covers(pass.Fset, d.Pos) {
					pass.Report(d)
				}
			}
			run(&Pass{Pass: &own, Root: pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root()})
			return nil, nil
		},
	}
}

// silence is where findings are not wanted: whole files, and lines.
type silence struct {
	files map[*token.File]bool
	lines map[line]bool
}

type line struct {
	file *token.File
	n    int
}

func silences(pass *analysis.Pass) silence {
	s := silence{map[*token.File]bool{}, map[line]bool{}}
	for _, file := range pass.Files {
		f := pass.Fset.File(file.FileStart)
		s.files[f] = ast.IsGenerated(file)
		for _, ignore := range Ignores(file) {
			if ignore.Reason != "" {
				n := f.PositionFor(ignore.Pos, false).Line
				s.lines[line{f, n}] = true
				s.lines[line{f, n + 1}] = true
			}
		}
	}
	return s
}

func (s silence) covers(fset *token.FileSet, pos token.Pos) bool {
	f := fset.File(pos)
	return s.files[f] || s.lines[line{f, f.PositionFor(pos, false).Line}]
}

// Directive is the comment that silences the findings of its own line and of
// the line below it.
const Directive = "//belay:ignore"

// Ignore is one such comment.
type Ignore struct {
	Pos, End token.Pos
	Reason   string // what follows the directive; empty: it silences nothing
}

// Ignores returns the directives of a file.
func Ignores(file *ast.File) []Ignore {
	var found []Ignore
	for _, group := range file.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, Directive)
			if ok && (reason == "" || strings.ContainsAny(reason[:1], " \t")) {
				found = append(found, Ignore{c.Pos(), c.End(), strings.TrimSpace(reason)})
			}
		}
	}
	return found
}
