// Package earlyreturn finds returns that leave the tasks of a group behind.
package earlyreturn

import (
	_ "embed"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports returns between Go and Wait.
var Analyzer = check.New("earlyreturn", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	flows := pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)
	for _, g := range code.Groups(pass.Root, pass.TypesInfo, code.Errgroup, "Group") {
		body := code.Body(g.Func.Node())
		flow := code.Flow(flows, g.Func.Node())
		if g.Escapes || flow == nil || !waitsHere(g) || endsContext(pass.TypesInfo, body) {
			continue
		}
		reported := map[*ast.ReturnStmt]bool{}
		for _, call := range g.Called("Go") {
			if call.Func != g.Func {
				continue
			}
			walk := code.Walk{Covers: func(n ast.Node) bool {
				ret, ok := n.(*ast.ReturnStmt)
				return ok && reported[ret] || joins(pass.TypesInfo, n, g)
			}}
			for ret := walk.Escape(flow, call.Call); ret != nil; ret = walk.Escape(flow, call.Call) {
				reported[ret] = true
				if !excused(pass, ret) {
					pass.Report(analysis.Diagnostic{
						Pos: ret.Pos(), End: ret.End(),
						Message: "returns without " + g.Ident.Name + ".Wait while tasks of the group may run: wait for them here too, or defer the cancel of their context",
						Related: []analysis.RelatedInformation{{Pos: call.Call.Pos(), End: call.Call.Rparen, Message: "started here"}},
					})
				}
			}
		}
	}
}

// waitsHere reports whether the function itself waits for the group, and
// leaves that neither to a defer nor to a function literal.
func waitsHere(g *code.Group) bool {
	here := false
	for _, call := range g.Called("Wait", "WaitContext") {
		_, deferred := call.Cur.Parent().Node().(*ast.DeferStmt)
		if deferred || call.Func != g.Func {
			return false
		}
		here = true
	}
	return here
}

// endsContext reports whether the function defers the end of a context, or
// something that is not to be seen through and may be one.
func endsContext(info *types.Info, body *ast.BlockStmt) (found bool) {
	code.Direct(body, func(n ast.Node) bool {
		if d, ok := n.(*ast.DeferStmt); ok {
			ast.Inspect(d, func(m ast.Node) bool {
				call, ok := m.(*ast.CallExpr)
				found = found || ok && cancels(info, call)
				return !found
			})
		}
		return !found
	})
	return found
}

// cancels reports whether the call is one of a func value that ends a context,
// by its type or by its name.
func cancels(info *types.Info, call *ast.CallExpr) bool {
	t := info.TypeOf(call.Fun)
	if t != nil && (code.IsNamed(t, []string{"context"}, "CancelFunc") || code.IsNamed(t, []string{"context"}, "CancelCauseFunc")) {
		return true
	}
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	return ok && (id.Name == "cancel" || id.Name == "stop")
}

// joins reports whether the node waits for the group, or tells its tasks to
// end.
func joins(info *types.Info, n ast.Node, g *code.Group) (found bool) {
	ast.Inspect(n, func(m ast.Node) bool {
		call, ok := m.(*ast.CallExpr)
		if !ok {
			return !found
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		waits := ok && (sel.Sel.Name == "Wait" || sel.Sel.Name == "WaitContext") && code.Var(info, sel.X) == g.Var
		found = found || waits || cancels(info, call)
		return !found
	})
	return found
}

// excused reports whether the return stands behind a question to a context: in
// a select's case for its end, or in an if that asks Err. The tasks most likely
// ask the same.
func excused(pass *check.Pass, ret *ast.ReturnStmt) bool {
	cur, ok := pass.Root.FindNode(ret)
	if !ok {
		return false // at the end of the body, behind everything
	}
	for around := range cur.Enclosing((*ast.CommClause)(nil), (*ast.IfStmt)(nil), (*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		switch n := around.Node().(type) {
		case *ast.CommClause:
			if n.Comm != nil && asks(pass.TypesInfo, n.Comm) {
				return true
			}
		case *ast.IfStmt:
			if asks(pass.TypesInfo, n.Cond) || n.Init != nil && asks(pass.TypesInfo, n.Init) {
				return true
			}
		default:
			return false
		}
	}
	return false
}

func asks(info *types.Info, n ast.Node) (found bool) {
	ast.Inspect(n, func(m ast.Node) bool {
		if sel, ok := m.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Done" || sel.Sel.Name == "Err") {
			t := info.TypeOf(sel.X)
			found = found || t != nil && code.IsContext(t)
		}
		return !found
	})
	return found
}
