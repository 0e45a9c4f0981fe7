// Package earlyreturn finds returns that leave the tasks of a group behind.
package earlyreturn

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"

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
		flow := code.Graph(flows, g.Func.Node())
		if g.Escapes || flow == nil || !waitsHere(g) || endsContext(pass.TypesInfo, body) {
			continue
		}
		report(pass, g, leaves(pass, g, flow))
	}
}

// leaving is a return, with the call of Go whose task it leaves behind.
type leaving struct {
	ret   *ast.ReturnStmt
	start *ast.CallExpr
}

// leaves returns the returns that leave tasks of the group behind, in source
// order.
func leaves(pass *check.Pass, g *code.Group, flow *cfg.CFG) (found []leaving) {
	seen := map[*ast.ReturnStmt]bool{}
	walk := code.Walk{Covers: func(n ast.Node) bool {
		ret, ok := n.(*ast.ReturnStmt)
		return ok && seen[ret] || joins(pass.TypesInfo, n, g)
	}}
	for _, call := range g.Called("Go") {
		if call.Func != g.Func {
			continue
		}
		for ret := walk.Escape(flow, call.Call); ret != nil; ret = walk.Escape(flow, call.Call) {
			seen[ret] = true
			if !excused(pass, ret) {
				found = append(found, leaving{ret, call.Call})
			}
		}
	}
	slices.SortFunc(found, func(a, b leaving) int { return int(a.ret.Pos() - b.ret.Pos()) })
	return found
}

// report makes one finding of the returns: they have one reason, and mostly one
// remedy.
func report(pass *check.Pass, g *code.Group, found []leaving) {
	if len(found) == 0 {
		return
	}
	first := found[0]
	more := ""
	if n := len(found) - 1; n == 1 {
		more = ", as does one more return below"
	} else if n > 1 {
		more = fmt.Sprintf(", as do %d more returns below", n)
	}
	d := analysis.Diagnostic{
		Pos: first.ret.Pos(), End: first.ret.End(),
		Message: fmt.Sprintf("returns without %s.Wait while tasks of the group may run%s: wait for them here too, or defer the cancel of their context",
			g.Ident.Name, more),
		Related: []analysis.RelatedInformation{{Pos: first.start.Pos(), End: first.start.Rparen, Message: "started here"}},
	}
	for _, l := range found[1:] {
		d.Related = append(d.Related, analysis.RelatedInformation{Pos: l.ret.Pos(), End: l.ret.End(), Message: "returns too"})
	}
	pass.Report(d)
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
// a select's case for its end, or in an if that asks Err, or that follows a
// wait which fails with a context. The tasks most likely ask the same.
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
			if asks(pass.TypesInfo, n.Cond) || n.Init != nil && asks(pass.TypesInfo, n.Init) || asksBefore(pass.TypesInfo, around) {
				return true
			}
		default:
			return false
		}
	}
	return false
}

// asksBefore reports whether the statement in front of an if without one of its
// own asks.
func asksBefore(info *types.Info, cur inspector.Cursor) bool {
	if cur.Node().(*ast.IfStmt).Init != nil || cur.ParentEdgeKind() != edge.BlockStmt_List {
		return false
	}
	before, ok := cur.PrevSibling()
	if !ok {
		return false
	}
	assign, ok := before.Node().(*ast.AssignStmt)
	return ok && asks(info, assign)
}

// asks reports whether the node looks at the end of a context, or waits for
// something until then.
func asks(info *types.Info, n ast.Node) (found bool) {
	code.Direct(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.SelectorExpr:
			t := info.TypeOf(m.X)
			found = found || (m.Sel.Name == "Done" || m.Sel.Name == "Err") && t != nil && code.IsContext(t)
		case *ast.CallExpr:
			found = found || waits(info, m)
		}
		return !found
	})
	return found
}

// waits reports whether the call waits for its turn, by its name, and has a
// context to give up by. Little else makes such a call fail.
func waits(info *types.Info, call *ast.CallExpr) bool {
	if len(call.Args) == 0 {
		return false
	}
	if t := info.TypeOf(call.Args[0]); t == nil || !code.IsContext(t) {
		return false
	}
	name := ""
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		name = fun.Sel.Name
	}
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "acquire") || strings.HasPrefix(name, "wait") || strings.HasPrefix(name, "sleep")
}
