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
	values := ValuesOf(around, info, v)
	if len(values) != 1 || values[0] == nil {
		return nil
	}
	lit, _ := ast.Unparen(values[0]).(*ast.FuncLit)
	return lit
}
