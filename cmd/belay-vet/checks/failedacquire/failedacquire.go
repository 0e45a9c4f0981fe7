// Package failedacquire finds permits that are released though none was taken.
package failedacquire

import (
	_ "embed"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a Release that a failed acquisition doesn't stop.
var Analyzer = check.New("failedacquire", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	all := code.Acquisitions(pass.Root, pass.TypesInfo)
	for i := range all {
		a := &all[i]
		fn, ok := code.FuncAround(a.Cur)
		if !ok || a.Takes || !canFail(pass, a) {
			continue
		}
		t := &taker{pass: pass, Acquired: a, fn: fn, flow: code.GraphOf(pass.Pass, fn.Node())}
		t.typ, t.body = code.FuncParts(fn.Node())
		if t.flow == nil {
			continue
		}
		if release := t.release(all); release != nil {
			t.report(release)
		}
	}
}

// taker is one acquisition in its function.
type taker struct {
	*code.Acquired
	pass *check.Pass
	fn   inspector.Cursor
	flow *cfg.CFG
	typ  *ast.FuncType
	body *ast.BlockStmt
}

func (t *taker) report(release ast.Node) {
	d := analysis.Diagnostic{
		Pos: release.Pos(), End: release.End(),
		Message: "this Release also runs when no permit was taken, and then panics or lets one more in than the semaphore should: return first when the acquisition fails",
		Related: []analysis.RelatedInformation{{Pos: t.Call.Pos(), Message: "this may fail"}},
	}
	if fix := t.fix(); fix != nil {
		d.SuggestedFixes = []analysis.SuggestedFix{*fix}
	}
	t.pass.Report(d)
}

// fix returns the error of an Acquire whose error was dropped, where the
// function returns an error and nothing else.
func (t *taker) fix() *analysis.SuggestedFix {
	stmt := t.Cur.Parent()
	dropped := false
	switch s := stmt.Node().(type) {
	case *ast.ExprStmt:
		dropped = true
	case *ast.AssignStmt:
		dropped = s.Tok == token.ASSIGN && len(s.Lhs) == 1 && t.Var == nil
	}
	switch stmt.Parent().Node().(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
	default:
		return nil
	}
	if !dropped || t.Tries || !code.ReturnsError(t.Info, t.typ) {
		return nil
	}
	return &analysis.SuggestedFix{Message: "Return the error of Acquire", TextEdits: []analysis.TextEdit{
		{Pos: stmt.Node().Pos(), End: t.Call.Pos(), NewText: []byte("if err := ")},
		{Pos: t.Call.End(), End: stmt.Node().End(), NewText: []byte("; err != nil {\n\treturn err\n}")},
	}}
}

// release returns what gives back on a way from the failed acquisition; nil if
// there is none for certain.
func (t *taker) release(all []code.Acquired) ast.Node {
	if n := t.early(all); n != nil {
		return n
	}
	var found ast.Node
	walk := code.Walk{Covers: t.unsure, Closed: t.closed}
	walk.Between(t.flow, t.Cur.Node(), func(n ast.Node) bool {
		found = t.gives(n)
		return found != nil
	})
	return found
}

// early returns the defer in front of the one acquisition that the function
// has. Where there are several, or the function gives back in between, it has
// permits already.
func (t *taker) early(all []code.Acquired) (found ast.Node) {
	for i := range all {
		if &all[i] != t.Acquired && contains(t.body, all[i].Cur.Node()) && code.SamePlace(t.Info, all[i].From, t.From) {
			return nil
		}
	}
	for cur := range t.fn.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		if !t.Release(call) {
			continue
		}
		d, ok := cur.Parent().Node().(*ast.DeferStmt)
		if !ok || d.Pos() > t.Call.Pos() || cur.Parent().Parent().Node() != ast.Node(t.body) {
			return nil
		}
		found = call
	}
	if found != nil && t.checked() {
		return found
	}
	return nil
}

// checked reports whether the function returns when the acquisition fails:
// then the early defer is for certain one too many. One that is tried until it
// succeeds is not.
func (t *taker) checked() bool {
	walk := code.Walk{Covers: func(n ast.Node) bool { return contains(n, t.Call) }, Closed: t.closed}
	return walk.Escape(t.flow, t.Call) != nil
}

// gives returns the call in the node that gives back whenever the node runs, or
// whenever the function does that the node defers, starts or hands over.
func (t *taker) gives(n ast.Node) ast.Node {
	var found ast.Node
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.FuncLit:
			if found == nil {
				found = t.always(m.Body)
			}
			return false
		case *ast.CallExpr:
			if found == nil && t.Release(m) {
				found = m
			}
		}
		return found == nil
	})
	if found == nil || t.conditional(n) {
		return nil
	}
	return found
}

// always returns the release among the statements of a closure's own list. A
// closure that asks anything in front of it may know better.
func (t *taker) always(body *ast.BlockStmt) ast.Node {
	for _, stmt := range body.List {
		var call ast.Expr
		switch s := stmt.(type) {
		case *ast.ExprStmt:
			call = s.X
		case *ast.DeferStmt:
			call = s.Call
		default:
			return nil
		}
		if c, ok := ast.Unparen(call).(*ast.CallExpr); ok && t.Release(c) {
			return c
		}
	}
	return nil
}

// conditional reports whether the node stands under a condition that the
// acquisition doesn't stand under and that isn't about its failure: it may be
// what tells whether there is a permit.
func (t *taker) conditional(n ast.Node) bool {
	cur, ok := t.fn.FindNode(n)
	if !ok {
		return true
	}
	for outer := range cur.Parent().Enclosing() {
		if contains(outer.Node(), t.Call) {
			s, ok := outer.Node().(*ast.IfStmt)
			if !ok || contains(s.Body, t.Call) {
				return false
			}
			if inElse := s.Else != nil && contains(s.Else, n); !inElse && !contains(s.Body, n) {
				return false
			}
			return t.IfFailed(s.Cond) == code.Unclear
		}
		switch s := outer.Node().(type) {
		case *ast.IfStmt:
			if v := t.IfFailed(s.Cond); v == code.Silent || v == code.Unclear {
				return true
			}
		case *ast.CaseClause, *ast.CommClause, *ast.ForStmt, *ast.RangeStmt:
			return true
		}
	}
	return true
}

// unsure holds where no more is certain: another try, another value for the
// variable with the outcome, and what may ask for the outcome in its own way.
func (t *taker) unsure(n ast.Node) bool {
	if _, ok := n.(*ast.ReturnStmt); ok || contains(n, t.Call) {
		return true
	}
	if code.Uses(t.Info, n, t.Var) && !t.logs(n) {
		cond, ok := n.(ast.Expr)
		return !ok || t.IfFailed(cond) == code.Silent
	}
	if t.Acquires(n) || t.Passes(n) {
		return true
	}
	return code.Has(n, func(m ast.Node) bool {
		call, ok := m.(*ast.CallExpr)
		return ok && code.CallsStd(t.Info, call, "context", "Context.Err", "Context.Done", "Cause")
	})
}

// says are how the names of functions begin that write something down, and
// return.
var says = []string{"Print", "Log", "Warn", "Error", "Info", "Debug", "Msg"}

// logs reports whether the node does nothing but tell of the outcome.
func (t *taker) logs(n ast.Node) bool {
	s, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := s.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	f := code.Callee(t.Info, call)
	return f != nil && slices.ContainsFunc(says, func(begin string) bool { return strings.HasPrefix(f.Name(), begin) })
}

// closed holds for the edges that a failed acquisition doesn't lead to.
func (t *taker) closed(cond ast.Expr, value bool) bool {
	switch t.IfFailed(cond) {
	case code.Holds:
		return !value
	case code.Fails:
		return value
	case code.Unclear:
		return true
	}
	return false
}

// canFail reports whether the acquisition may fail: a context that is never
// done makes Acquire wait until it has its permits.
func canFail(pass *check.Pass, a *code.Acquired) bool {
	return a.Tries || len(a.Call.Args) > 0 && !endless(pass, a.Call.Args[0], 4)
}

// endless reports whether the context is never done, as far as can be seen; a
// test's own is done when the test is.
func endless(pass *check.Pass, ctx ast.Expr, depth int) bool {
	switch e := ast.Unparen(ctx).(type) {
	case *ast.CallExpr:
		if code.CallsStd(pass.TypesInfo, e, "context", "WithValue") {
			return endless(pass, e.Args[0], depth)
		}
		f := code.Callee(pass.TypesInfo, e)
		return code.CallsStd(pass.TypesInfo, e, "context", "Background", "TODO", "WithoutCancel") ||
			f != nil && f.Pkg() != nil && f.Pkg().Path() == "testing" && f.Name() == "Context"
	case *ast.Ident:
		v, ok := pass.TypesInfo.ObjectOf(e).(*types.Var)
		if !ok || depth == 0 {
			return false
		}
		values := code.ValuesOf(pass.Root, pass.TypesInfo, v)
		for _, value := range values {
			if value == nil || !endless(pass, value, depth-1) {
				return false
			}
		}
		return len(values) > 0
	}
	return false
}

func contains(outer, inner ast.Node) bool {
	return outer.Pos() <= inner.Pos() && inner.End() <= outer.End()
}
