package code

// This file says what of a function runs with it, and which function a variable
// holds.

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
)

// Direct calls f for each node of a function's body, or of a statement, that
// runs with it: what stands in a function literal is left out, be it called on
// the spot or not. It goes below a node as long as f returns true.
func Direct(n ast.Node, f func(ast.Node) bool) {
	ast.Inspect(n, func(m ast.Node) bool {
		if _, lit := m.(*ast.FuncLit); lit && m != n {
			return false
		}
		return m != nil && f(m)
	})
}

// LitOf returns the one function literal that the local variable ever holds;
// nil if there is none, or may be another.
func LitOf(around inspector.Cursor, info *types.Info, v *types.Var) *ast.FuncLit {
	var lit *ast.FuncLit
	n := 0
	set := func(names []ast.Expr, values []ast.Expr) {
		for i, name := range names {
			if id, ok := name.(*ast.Ident); !ok || info.ObjectOf(id) != v {
				continue
			}
			n++
			if len(values) == len(names) {
				lit, _ = ast.Unparen(values[i]).(*ast.FuncLit)
			}
		}
	}
	for cur := range around.Preorder((*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.UnaryExpr)(nil)) {
		switch s := cur.Node().(type) {
		case *ast.AssignStmt:
			set(s.Lhs, s.Rhs)
		case *ast.ValueSpec:
			if len(s.Values) > 0 {
				names := make([]ast.Expr, len(s.Names))
				for i, name := range s.Names {
					names[i] = name
				}
				set(names, s.Values)
			}
		case *ast.UnaryExpr:
			if s.Op.String() == "&" && Var(info, s.X) == v {
				n++
			}
		}
	}
	if n != 1 {
		return nil
	}
	return lit
}
