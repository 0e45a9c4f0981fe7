// Package sleepctx finds the time.Sleep of a function that has a context, and
// goes on sleeping when that context ends.
package sleepctx

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"strings"
	"time"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a sleep that a context's end doesn't cut short.
var Analyzer = check.New("sleepctx", page, run, ctrlflow.Analyzer)

const (
	long  = time.Second            // worth a finding wherever it is
	short = 100 * time.Millisecond // below that it isn't in a loop either
)

func run(pass *check.Pass) {
	for cur := range pass.Root.Preorder((*ast.ExprStmt)(nil)) {
		call, ok := cur.Node().(*ast.ExprStmt).X.(*ast.CallExpr)
		if !ok || !code.CallsStd(pass.TypesInfo, call, "time", "Sleep") || code.IsTest(pass.Fset.File(call.Pos()).Name()) || code.InTest(cur) {
			continue
		}
		ctx := code.ContextAt(pass.Pkg, pass.TypesInfo, cur)
		if ctx == "" || plays(cur, ctx) || !matters(pass.TypesInfo, cur, call) || inDefer(cur) || afterEnd(pass, cur) {
			continue
		}
		pass.Report(analysis.Diagnostic{
			Pos: call.Pos(), End: call.End(),
			Message: fmt.Sprintf("the sleep goes on for %s when %s is done: select on %[2]s.Done() and time.After",
				howLong(pass.TypesInfo, call), ctx),
			SuggestedFixes: fix(pass, cur, call, ctx),
		})
	}
}

func howLong(info *types.Info, call *ast.CallExpr) string {
	if d, ok := duration(info, call); ok {
		return d.String()
	}
	return "all of " + types.ExprString(call.Args[0])
}

func duration(info *types.Info, call *ast.CallExpr) (time.Duration, bool) {
	value := info.Types[call.Args[0]].Value
	if value == nil || value.Kind() != constant.Int {
		return 0, false
	}
	n, exact := constant.Int64Val(value)
	return time.Duration(n), exact
}

// plays reports whether the sleep is a handler's own, outside of loops: one
// that plays the slow server, or slows guesses down.
func plays(cur inspector.Cursor, ctx string) bool {
	_, loops := code.LoopAround(cur)
	return !loops && strings.HasSuffix(ctx, ".Context()")
}

// matters reports whether the sleep is long, or of unknown or middling length
// and one of many.
func matters(info *types.Info, cur inspector.Cursor, call *ast.CallExpr) bool {
	d, known := duration(info, call)
	if known && d >= long {
		return true
	}
	loop, ok := code.LoopAround(cur)
	if !ok || known && d < short || code.FewRounds(info, loop.Node()) {
		return false
	}
	return !looks(info, loop.Node()) && (known || !jitters(call.Args[0]))
}

// jitters reports whether chance has a part in the length: mostly such sleeps
// are short, and keep many from asking at once.
func jitters(d ast.Expr) (found bool) {
	ast.Inspect(d, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok {
				found = found || strings.HasPrefix(f.Sel.Name, "Int") || strings.HasPrefix(f.Sel.Name, "Float") || f.Sel.Name == "N"
			}
		}
		return !found
	})
	return found
}

// looks reports whether the loop looks at a context itself: then a middling
// sleep, or one of unknown length, may be no more than a small delay.
func looks(info *types.Info, loop ast.Node) (found bool) {
	ast.Inspect(loop, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			found = found || code.CallsStd(info, call, "context", "Context.Done", "Context.Err", "Cause")
		}
		return !found
	})
	return found
}

// inDefer reports whether the sleep is in a deferred function, or in one that
// a deferred call is given: there the function has ended, and its context
// perhaps too.
func inDefer(cur inspector.Cursor) bool {
	fn, _ := code.FuncAround(cur)
	_, ok := fn.Parent().Parent().Node().(*ast.DeferStmt)
	return ok
}

// afterEnd reports whether a way leads to the sleep from a place where a
// context is known to be done. Whoever sleeps then, does so on purpose: it is
// the time that others get to finish in.
func afterEnd(pass *check.Pass, cur inspector.Cursor) bool {
	info := pass.TypesInfo
	fn, _ := code.FuncAround(cur)
	g := code.GraphOf(pass.Pass, fn.Node())
	covers := func(n ast.Node) bool { return n.Pos() <= cur.Node().Pos() && cur.Node().End() <= n.End() }
	found := false
	ast.Inspect(fn.Node(), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return n == fn.Node()
		case *ast.CommClause:
			if n.Comm != nil && isDone(info, code.Received(n.Comm)) {
				found = found || code.LeadsTo(g, n, cur.Node())
			}
			for _, stmt := range n.Body { // but not what it waits for
				found = found || isDoneStmt(info, stmt) && code.Walk{Covers: covers}.Reaches(g, stmt) != nil
			}
		case *ast.BlockStmt:
			for _, stmt := range n.List {
				found = found || isDoneStmt(info, stmt) && code.Walk{Covers: covers}.Reaches(g, stmt) != nil
			}
		case *ast.IfStmt:
			if n.Body.Pos() <= cur.Node().Pos() && cur.Node().End() <= n.Body.End() && looks(info, n.Cond) {
				found = true
			}
		}
		return !found
	})
	return found
}

func isDoneStmt(info *types.Info, stmt ast.Stmt) bool { return isDone(info, code.Received(stmt)) }

func isDone(info *types.Info, x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && code.CallsStd(info, call, "context", "Context.Done")
}
