// Package chansem finds channels that serve as semaphores and don't heed the
// context of those who wait.
package chansem

import (
	_ "embed"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a wait for a slot that goes on when its context is done.
var Analyzer = check.New("chansem", page, run)

func run(pass *check.Pass) {
	for _, a := range code.Sends(pass.Root, pass.TypesInfo) {
		if code.IsTest(pass.Fset.Position(a.Cur.Node().Pos()).Filename) {
			continue
		}
		s := &slot{Acquired: a, pass: pass}
		fn, ok := code.FuncAround(a.Cur)
		if !ok {
			continue
		}
		s.fn = fn
		s.typ, s.body = code.FuncParts(fn.Node())
		s.ctx = s.context()
		if s.ctx == "" || !s.givesBack() || !s.bounded() {
			continue
		}
		send := a.Cur.Node()
		pass.Report(analysis.Diagnostic{
			Pos: send.Pos(), End: send.End(),
			Message:        "this waits for a slot for as long as it takes, even when " + s.ctx + " is done: select on " + s.ctx + ".Done() beside it",
			SuggestedFixes: s.fix(),
		})
	}
}

// slot is one send that takes a slot.
type slot struct {
	code.Acquired
	pass *check.Pass
	fn   inspector.Cursor
	typ  *ast.FuncType
	body *ast.BlockStmt
	ctx  string // the name of the function's context
}

// context returns the name of the function's context parameter, if the send
// sees it under that name; "" if it has none, or takes the context's values
// without its end.
func (s *slot) context() string {
	at := s.Cur.Node().Pos()
	scope := s.pass.Pkg.Scope().Innermost(at)
	for _, field := range s.typ.Params.List {
		if !code.IsContext(s.Info.TypeOf(field.Type)) || scope == nil {
			continue
		}
		for _, name := range field.Names {
			_, obj := scope.LookupParent(name.Name, at)
			v, ok := obj.(*types.Var)
			if ok && code.IsContext(v.Type()) && !s.detached() {
				return name.Name
			}
		}
	}
	return ""
}

// detached reports whether the function works on without its caller's context,
// or asks by itself whether it is done.
func (s *slot) detached() bool {
	return code.Has(s.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && code.CallsStd(s.Info, call, "context", "WithoutCancel", "Background", "TODO")
	})
}

// givesBack reports whether the function takes what it sent out again, itself
// or when a task of it ends: then the channel is a semaphore.
func (s *slot) givesBack() bool {
	for cur := range s.fn.Preorder((*ast.UnaryExpr)(nil)) {
		if cur.Node().Pos() < s.Cur.Node().End() || !s.Release(cur.Node()) {
			continue
		}
		if _, ok := cur.Parent().Node().(*ast.ExprStmt); !ok {
			return false
		}
		if home, _ := code.FuncAround(cur); home == s.fn {
			return true
		}
		for d := range cur.Enclosing((*ast.DeferStmt)(nil)) {
			if s.body.Pos() <= d.Node().Pos() && d.Node().End() <= s.body.End() {
				return true
			}
		}
	}
	return false
}

// bounded reports whether the channel is made with a number of slots that the
// sends may use up: not one slot for each of them.
func (s *slot) bounded() bool {
	// What a release has shown to be the same place is a variable.
	values := code.ValuesOf(s.pass.Root, s.Info, code.Var(s.Info, s.From))
	for _, value := range values {
		call, ok := value.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return false
		}
		id, ok := ast.Unparen(call.Fun).(*ast.Ident)
		if !ok || s.Info.Uses[id] != types.Universe.Lookup("make") {
			return false
		}
		size := ast.Unparen(call.Args[1])
		if n := s.Info.Types[size].Value; n != nil && constant.Sign(n) == 0 {
			return false
		}
		if inner, ok := size.(*ast.CallExpr); ok {
			if fun, ok := ast.Unparen(inner.Fun).(*ast.Ident); ok && fun.Name == "len" {
				return false
			}
		}
	}
	return len(values) > 0
}

// fix makes a select of the send, in a function that returns an error and
// nothing else, and where nothing was begun that the return would leave: the
// send is one of the function's own statements, and all in front of it are
// declarations, assignments, and ifs.
func (s *slot) fix() []analysis.SuggestedFix {
	send := s.Cur.Node().(*ast.SendStmt)
	if s.Cur.Parent().Node() != ast.Node(s.body) || !code.ReturnsError(s.Info, s.typ) {
		return nil
	}
	for _, stmt := range s.body.List {
		if stmt == ast.Stmt(send) {
			break
		}
		switch a := stmt.(type) {
		case *ast.DeclStmt, *ast.IfStmt:
		case *ast.AssignStmt:
			if a.Tok != token.DEFINE {
				return nil
			}
		default:
			return nil
		}
	}
	return []analysis.SuggestedFix{{Message: "Return when " + s.ctx + " is done", TextEdits: []analysis.TextEdit{
		{Pos: send.Pos(), End: send.Pos(), NewText: []byte("select {\n\tcase ")},
		{Pos: send.End(), End: send.End(), NewText: []byte(":\n\tcase <-" + s.ctx + ".Done():\n\t\treturn " + s.ctx + ".Err()\n\t}")},
	}}}
}
