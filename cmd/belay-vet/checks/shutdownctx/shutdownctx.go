// Package shutdownctx finds graceful shutdowns that have no time left.
package shutdownctx

import (
	_ "embed"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a Shutdown whose context is done before it begins.
var Analyzer = check.New("shutdownctx", page, run)

func run(pass *check.Pass) {
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		if !shutsDown(pass.TypesInfo, call) || code.IsTest(pass.Fset.Position(call.Pos()).Filename) {
			continue
		}
		s := &shutdown{pass: pass, cur: cur, call: call}
		if wait := s.done(); wait != nil {
			s.report(wait)
		}
	}
}

// shutsDown reports whether the call is Shutdown of a net/http server, or of an
// echo that wraps one.
func shutsDown(info *types.Info, call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	if code.CallsStd(info, call, "net/http", "Server.Shutdown") {
		return true
	}
	f := code.Callee(info, call)
	return f != nil && f.Pkg() != nil && f.Name() == "Shutdown" && strings.HasPrefix(f.Pkg().Path(), "github.com/labstack/echo")
}

// shutdown is one call of it.
type shutdown struct {
	pass *check.Pass
	cur  inspector.Cursor
	call *ast.CallExpr

	// derived is the call that made the context of one that was done by then;
	// nil if it is done itself.
	derived *ast.CallExpr
}

func (s *shutdown) report(wait ast.Node) {
	d := analysis.Diagnostic{
		Pos: s.call.Args[0].Pos(), End: s.call.Args[0].End(),
		Message: "the context is done when Shutdown begins, so it returns at once and cuts off the requests under way: give it a context of its own, with a timeout",
		Related: []analysis.RelatedInformation{{Pos: wait.Pos(), Message: "waited for its end here"}},
	}
	if v := s.pass.Pkg.GoVersion(); !version.IsValid(v) || version.Compare(v, "go1.21") >= 0 {
		d.SuggestedFixes = s.fix(wait)
	}
	s.pass.Report(d)
}

// done returns the receive that shows that the context is done; nil if there
// is none.
func (s *shutdown) done() ast.Node {
	ctx := code.Var(s.pass.TypesInfo, s.call.Args[0])
	for range 4 {
		if ctx == nil || ctx.IsField() {
			return nil
		}
		if wait := s.waited(ctx); wait != nil {
			return wait
		}
		parent, call := s.parent(ctx)
		if parent == nil {
			return nil
		}
		s.derived, ctx = call, parent
	}
	return nil
}

// parent returns the context that the one in the variable is derived from, by
// the call that does it. What is set twice comes from none for certain.
func (s *shutdown) parent(ctx *types.Var) (*types.Var, *ast.CallExpr) {
	call := s.origin(ctx)
	if call == nil || !code.CallsStd(s.pass.TypesInfo, call, "context", "WithTimeout", "WithDeadline", "WithCancel",
		"WithTimeoutCause", "WithDeadlineCause", "WithCancelCause", "WithValue") {
		return nil, nil
	}
	return code.Var(s.pass.TypesInfo, call.Args[0]), call
}

// origin returns the one call that the variable's value comes from.
func (s *shutdown) origin(v *types.Var) (call *ast.CallExpr) {
	n := 0
	for cur := range s.pass.Root.Preorder((*ast.AssignStmt)(nil)) {
		a := cur.Node().(*ast.AssignStmt)
		for i, left := range a.Lhs {
			if code.Var(s.pass.TypesInfo, left) == v {
				n++
				call, _ = ast.Unparen(a.Rhs[min(i, len(a.Rhs)-1)]).(*ast.CallExpr)
			}
		}
	}
	if n != 1 {
		return nil
	}
	return call
}

// waited returns the receive of <-ctx.Done() that comes before the call on
// each way: a statement in front of it, in its own list or in one around, or
// the clause of a select that it stands in.
func (s *shutdown) waited(ctx *types.Var) ast.Node {
	child := s.cur.Node()
	for outer := range s.cur.Parent().Enclosing() {
		var list []ast.Stmt
		switch n := outer.Node().(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
			if n.Comm != nil && child != ast.Node(n.Comm) && s.receives(n.Comm, ctx) && !s.set(ctx, n.Comm) {
				return n.Comm
			}
		case *ast.FuncDecl:
			return nil
		}
		for _, stmt := range list {
			if stmt.Pos() >= child.Pos() {
				break
			}
			if s.receives(stmt, ctx) && !s.set(ctx, stmt) {
				return stmt
			}
		}
		child = outer.Node()
	}
	return nil
}

// receives reports whether the statement is <-ctx.Done(), or a select that
// only ends with it.
func (s *shutdown) receives(stmt ast.Stmt, ctx *types.Var) bool {
	expr, ok := stmt.(*ast.ExprStmt)
	if !ok {
		return false
	}
	recv, ok := ast.Unparen(expr.X).(*ast.UnaryExpr)
	if !ok || recv.Op != token.ARROW {
		return false
	}
	call, ok := ast.Unparen(recv.X).(*ast.CallExpr)
	if !ok || !code.CallsStd(s.pass.TypesInfo, call, "context", "Context.Done") {
		return false
	}
	return code.Var(s.pass.TypesInfo, code.Receiver(call)) == ctx
}

// set reports whether the variable gets another context between the receive
// and the call.
func (s *shutdown) set(ctx *types.Var, wait ast.Node) bool {
	for cur := range s.pass.Root.Preorder((*ast.AssignStmt)(nil)) {
		a := cur.Node().(*ast.AssignStmt)
		if a.Pos() < wait.End() || a.Pos() > s.call.Pos() {
			continue
		}
		for _, left := range a.Lhs {
			if code.Var(s.pass.TypesInfo, left) == ctx {
				return true
			}
		}
	}
	return false
}

// fix takes the end off the context that is done. One that was derived in time
// may have other users, and is left alone.
func (s *shutdown) fix(wait ast.Node) []analysis.SuggestedFix {
	file := s.file()
	ctxName, edits, ok := code.Import(s.pass.Pkg, file, s.call.Pos(), "context")
	if !ok {
		return nil
	}
	if s.derived != nil {
		if s.derived.Pos() < wait.End() || len(edits) > 0 {
			return nil
		}
		arg := s.derived.Args[0]
		return []analysis.SuggestedFix{{Message: "Derive from the context without its end", TextEdits: []analysis.TextEdit{
			{Pos: arg.Pos(), End: arg.Pos(), NewText: []byte(ctxName + ".WithoutCancel(")},
			{Pos: arg.End(), End: arg.End(), NewText: []byte(")")},
		}}}
	}
	id, ok := ast.Unparen(s.call.Args[0]).(*ast.Ident)
	stmt := s.statement()
	timeName, more, fits := code.Import(s.pass.Pkg, file, s.call.Pos(), "time")
	if !ok || stmt == nil || !fits || s.taken("shutdownCtx") || s.taken("stopShutdown") {
		return nil
	}
	text := "shutdownCtx, stopShutdown := " + ctxName + ".WithTimeout(" + ctxName + ".WithoutCancel(" + id.Name + "), 10*" + timeName + ".Second)\n\tdefer stopShutdown()\n\t"
	edits = append(append(edits, more...),
		analysis.TextEdit{Pos: stmt.Pos(), End: stmt.Pos(), NewText: []byte(text)},
		analysis.TextEdit{Pos: id.Pos(), End: id.End(), NewText: []byte("shutdownCtx")})
	return []analysis.SuggestedFix{{Message: "Give Shutdown ten seconds of its own", TextEdits: edits}}
}

// statement returns the statement of a list that the call is part of, outside
// of loops; nil if there is no such place.
func (s *shutdown) statement() ast.Stmt {
	var stmt ast.Stmt
	child := s.cur.Node()
	for outer := range s.cur.Parent().Enclosing() {
		switch outer.Node().(type) {
		case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
			if stmt == nil {
				stmt, _ = child.(ast.Stmt)
			}
		case *ast.ForStmt, *ast.RangeStmt:
			return nil
		case *ast.FuncDecl, *ast.FuncLit:
			return stmt
		}
		child = outer.Node()
	}
	return nil
}

// taken reports whether the name means something at the call.
func (s *shutdown) taken(name string) bool {
	scope := s.pass.Pkg.Scope().Innermost(s.call.Pos())
	if scope == nil {
		return true
	}
	_, obj := scope.LookupParent(name, s.call.Pos())
	return obj != nil
}

func (s *shutdown) file() *ast.File {
	for _, f := range s.pass.Files {
		if f.FileStart <= s.call.Pos() && s.call.Pos() < f.FileEnd {
			return f
		}
	}
	return nil
}
