package groupctx

// This file judges what the tasks of a group do with its context.

import (
	"go/ast"
	"go/types"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// unused reports a derived context that no task uses, while the tasks use the
// context that it was derived from.
func unused(pass *check.Pass, d derivation) {
	info := pass.TypesInfo
	parent := local(info, d.call.Args[0])
	if parent == nil || parent == d.ctx || !neverLooked(info, d) {
		return
	}
	g := groupOf(info, d)
	if g == nil || g.Escapes || len(g.Called("GoContext")) > 0 || cannotFail(g) {
		return
	}
	for _, call := range g.Called("Go", "TryGo") {
		if lit := call.Task(); lit != nil && passes(info, lit, parent) {
			pass.Reportf(d.stmt.Pos(), "the tasks use %s and not %s, the context of their group: one that fails cancels nothing",
				parent.Name(), d.ctx.Name())
			return
		}
	}
}

// neverLooked reports whether all that the function does with the derived
// context is to please the compiler.
func neverLooked(info *types.Info, d derivation) bool {
	never := true
	for cur := range d.around.Preorder((*ast.Ident)(nil)) {
		id := cur.Node().(*ast.Ident)
		if info.Uses[id] != d.ctx || id.Pos() >= d.stmt.Pos() && id.End() <= d.stmt.End() {
			continue
		}
		s, ok := cur.Parent().Node().(*ast.AssignStmt)
		blank := ok && len(s.Lhs) == 1 && len(s.Rhs) == 1 && s.Rhs[0] == id
		if blank {
			left, ok := s.Lhs[0].(*ast.Ident)
			blank = ok && left.Name == "_"
		}
		never = never && blank
	}
	return never
}

// passes reports whether the task hands the context to a call.
func passes(info *types.Info, task *ast.FuncLit, ctx *types.Var) (found bool) {
	ast.Inspect(task.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			for _, arg := range call.Args {
				found = found || local(info, ast.Unparen(arg)) == ctx
			}
		}
		return !found
	})
	return found
}

// groupOf returns the group that the derivation makes, where the function
// declares it; nil elsewhere.
func groupOf(info *types.Info, d derivation) *code.Group {
	for _, g := range code.Groups(d.around, info, code.Errgroup, "Group") {
		if g.Var == d.group {
			return g
		}
	}
	return nil
}

// cannotFail reports whether all tasks of the group are to be seen, and return
// nothing but nil: no error of theirs is ever there to cancel others.
func cannotFail(g *code.Group) bool {
	tasks := g.Called("Go", "TryGo")
	if g.Escapes || len(tasks) == 0 || len(g.Called("GoContext")) > 0 {
		return false
	}
	for _, call := range tasks {
		lit := call.Task()
		if lit == nil || len(lit.Type.Results.List) != 1 || len(lit.Type.Results.List[0].Names) > 0 {
			return false
		}
		fails := false
		code.Direct(lit.Body, func(n ast.Node) bool {
			if ret, ok := n.(*ast.ReturnStmt); ok {
				id, ok := ast.Unparen(ret.Results[0]).(*ast.Ident)
				fails = fails || !ok || id.Name != "nil"
			}
			return true
		})
		if fails {
			return false
		}
	}
	return true
}
