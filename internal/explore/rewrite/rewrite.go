// Package rewrite puts a step of package explore before every operation on what
// goroutines share, in copies of source files that stand for them in one build.
//
// Lines stay where they are, so that a step can be found in the product. Imports
// of sync and sync/atomic become those below explore/shim; go statements, channel
// operations, selects, close and runtime.Gosched become calls of explore. Not
// rewritten are ranges over channels and the functions of sync/atomic, which the
// product does not use: a range is refused, and the others don't compile.
package rewrite

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

const explore = "github.com/belay-go/belay/internal/explore"

var shims = map[string]string{
	"sync":        explore + "/shim/sync",
	"sync/atomic": explore + "/shim/atomic",
}

// edit replaces what is from one offset to another.
type edit struct {
	from, to int
	text     string
}

type file struct {
	set    *token.FileSet
	source string
	edits  []edit
	used   bool              // of explore
	sched  bool              // runtime.Gosched was replaced
	taken  map[ast.Node]bool // operations of a select, which are no steps of their own
	errs   error             // the first
}

// Source returns a file with its steps. It refuses what it can't rewrite.
func Source(name, source string) (string, error) {
	f := &file{set: token.NewFileSet(), source: source, taken: map[ast.Node]bool{}}
	tree, err := parser.ParseFile(f.set, name, source, parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("rewrite: %w", err)
	}
	f.used = strings.Contains(source, "explore.") // by a change
	ast.Inspect(tree, f.visit)
	f.imports(tree)
	if f.errs != nil {
		return "", f.errs
	}
	out := f.apply()
	if f.sched {
		out += "\nvar _ = runtime.Gosched\n"
	}
	return out, nil
}

func (f *file) at(p token.Pos) int { return f.set.Position(p).Offset }

func (f *file) text(n ast.Node) string { return f.source[f.at(n.Pos()):f.at(n.End())] }

func (f *file) replace(from, to token.Pos, text string) {
	f.edits = append(f.edits, edit{f.at(from), f.at(to), text})
	f.used = true
}

func (f *file) refuse(n ast.Node, what string) {
	if f.errs == nil {
		f.errs = fmt.Errorf("rewrite: %v: %s", f.set.Position(n.Pos()), what)
	}
}

func (f *file) visit(n ast.Node) bool {
	if f.taken[n] {
		return true
	}
	switch n := n.(type) {
	case *ast.GoStmt:
		f.goes(n)
	case *ast.SelectStmt:
		f.selects(n)
	case *ast.SendStmt:
		f.replace(n.Pos(), n.Pos(), "explore.Send(")
		f.replace(n.Arrow, n.Arrow+2, ",")
		f.replace(n.End(), n.End(), ")")
	case *ast.AssignStmt: // those of a select are taken
		if u, ok := n.Rhs[0].(*ast.UnaryExpr); ok && u.Op == token.ARROW && len(n.Lhs) == 2 {
			f.refuse(n, "a receive with two results")
		}
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			f.replace(n.Pos(), n.Pos()+2, "explore.Recv(")
			f.replace(n.End(), n.End(), ")")
		}
	case *ast.CallExpr:
		switch called := f.text(n.Fun); called {
		case "close":
			f.replace(n.Fun.Pos(), n.Fun.End(), "explore.Close")
		case "runtime.Gosched":
			f.replace(n.Fun.Pos(), n.Fun.End(), "explore.Gosched")
			f.sched = true
		}
	}
	return true
}

// goes evaluates the function and its arguments where the go statement does.
func (f *file) goes(n *ast.GoStmt) {
	call := n.Call
	if len(call.Args) == 0 {
		f.replace(n.Pos(), call.Fun.Pos(), "explore.Go(")
		f.replace(call.Lparen, n.End(), ")")
		return
	}
	var names []string
	for i := range call.Args {
		names = append(names, fmt.Sprintf("arg%d", i))
	}
	list := strings.Join(names, ", ")
	f.replace(n.Pos(), call.Fun.Pos(), "{ fun, "+list+" := ")
	f.replace(call.Lparen, call.Lparen+1, ", ")
	f.replace(call.Rparen, n.End(), "; explore.Go(func() { fun("+list+") }) }")
}

// selects turns a select into a switch over which case is taken. The operation
// itself follows in the case, where it can't wait any more.
func (f *file) selects(n *ast.SelectStmt) {
	var cases []string
	orElse := false
	for _, s := range n.Body.List {
		clause := s.(*ast.CommClause)
		if clause.Comm == nil {
			orElse = true
			continue
		}
		f.taken[clause.Comm] = true
		way, channel := "R", ast.Expr(nil)
		switch comm := clause.Comm.(type) {
		case *ast.SendStmt:
			way, channel = "S", comm.Chan
		case *ast.ExprStmt:
			f.taken[comm.X] = true
			channel = comm.X.(*ast.UnaryExpr).X
		case *ast.AssignStmt:
			f.taken[comm.Rhs[0]] = true
			channel = comm.Rhs[0].(*ast.UnaryExpr).X
		}
		f.replace(clause.Case, clause.Comm.Pos(), "case "+strconv.Itoa(len(cases))+": ")
		f.replace(clause.Colon, clause.Colon+1, ";")
		cases = append(cases, ", explore."+way+"("+f.text(channel)+")")
	}
	f.replace(n.Pos(), n.Body.Lbrace, fmt.Sprintf("switch explore.Select(%v%s) ", orElse, strings.Join(cases, "")))
	if !orElse { // so that it still is the end of a function
		f.replace(n.Body.Rbrace, n.Body.Rbrace, `default: panic("explore: no case") `)
	}
}

func (f *file) imports(tree *ast.File) {
	for _, spec := range tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if shim := shims[path]; shim != "" {
			f.edits = append(f.edits, edit{f.at(spec.Path.Pos()), f.at(spec.Path.End()), strconv.Quote(shim)})
		}
	}
	if f.used {
		f.replace(tree.Name.End(), tree.Name.End(), "; import "+strconv.Quote(explore))
	}
}

// apply makes the edits. Where several are at one place, those that were asked for
// first are the outer ones.
func (f *file) apply() string {
	slices.SortStableFunc(f.edits, func(a, b edit) int { return a.from - b.from })
	var out strings.Builder
	end := 0
	for _, e := range f.edits {
		out.WriteString(f.source[end:max(end, e.from)])
		out.WriteString(e.text)
		end = max(end, e.to)
	}
	out.WriteString(f.source[end:])
	return out.String()
}
