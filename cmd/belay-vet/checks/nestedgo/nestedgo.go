// Package nestedgo finds tasks of a limited group that start tasks of the same
// group.
package nestedgo

import (
	_ "embed"
	"go/ast"
	"go/constant"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports calls of Go that hold one of the slots that they wait for.
var Analyzer = check.New("nestedgo", page, run)

func run(pass *check.Pass) {
	for _, g := range code.Groups(pass.Root, pass.TypesInfo, code.Errgroup, "Group") {
		limit := limited(pass.TypesInfo, g)
		if limit == nil {
			continue
		}
		tasks := map[ast.Node]bool{}
		for _, call := range g.Called("Go", "TryGo", "GoContext") {
			if task := call.Task(); task != nil {
				tasks[task] = true
			}
		}
		for _, call := range g.Called("Go") {
			if nested(pass.TypesInfo, g, tasks, call) {
				pass.Report(analysis.Diagnostic{
					Pos: call.Call.Pos(), End: call.Call.Rparen,
					Message: "a task of " + g.Ident.Name + " calls " + g.Ident.Name +
						".Go and holds a slot meanwhile: when all slots are held so, the group hangs; use TryGo and do it in place if there is none",
					Related: []analysis.RelatedInformation{{Pos: limit.Pos(), End: limit.End(), Message: "limited here"}},
				})
			}
		}
	}
}

// limited returns what limits the group; nil if nothing does, or not for long.
func limited(info *types.Info, g *code.Group) (where ast.Node) {
	if g.Make != nil && len(g.Make.Args) == 2 {
		where = limitOf(info, g.Make.Args[1])
	}
	for _, call := range g.Called("SetLimit", "Resize") {
		if len(call.Call.Args) != 1 || unlimited(info, call.Call.Args[0]) {
			return nil
		}
		where = call.Call
	}
	return where
}

// limitOf returns the Limit of an Options literal that has one.
func limitOf(info *types.Info, options ast.Expr) ast.Node {
	lit, ok := ast.Unparen(options).(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, elt := range lit.Elts {
		kv, ok := elt.(*ast.KeyValueExpr)
		if !ok {
			return nil
		}
		if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Limit" && !unlimited(info, kv.Value) {
			if v := info.Types[kv.Value].Value; v == nil || constant.Sign(v) != 0 {
				return kv
			}
		}
	}
	return nil
}

func unlimited(info *types.Info, n ast.Expr) bool {
	v := info.Types[n].Value
	return v != nil && constant.Sign(v) < 0
}

// nested reports whether the call runs inside of one of the tasks: it stands
// in the literal, or the task calls the local function that it stands in.
func nested(info *types.Info, g *code.Group, tasks map[ast.Node]bool, call code.GroupCall) bool {
	fn := onSpot(call.Func)
	if tasks[fn.Node()] {
		return true
	}
	lit, ok := fn.Node().(*ast.FuncLit)
	if !ok || fn == g.Func {
		return false
	}
	for use := range g.Func.Preorder((*ast.CallExpr)(nil)) {
		n := use.Node().(*ast.CallExpr)
		id, ok := ast.Unparen(n.Fun).(*ast.Ident)
		if !ok || use.ParentEdgeKind() == edge.GoStmt_Call {
			continue
		}
		v, ok := info.Uses[id].(*types.Var)
		around, inside := code.FuncAround(use)
		if ok && inside && tasks[onSpot(around).Node()] && code.LitOf(g.Func, info, v) == lit {
			return true
		}
	}
	return false
}

// onSpot leaves literals that are called where they stand, so that they run in
// the function around them.
func onSpot(fn inspector.Cursor) inspector.Cursor {
	for fn.ParentEdgeKind() == edge.CallExpr_Fun {
		if fn.Parent().ParentEdgeKind() == edge.GoStmt_Call {
			return fn
		}
		around, ok := code.FuncAround(fn)
		if !ok {
			return fn
		}
		fn = around
	}
	return fn
}
