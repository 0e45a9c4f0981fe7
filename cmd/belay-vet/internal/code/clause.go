package code

// This file says in words which case of a select was the one to be taken.

import (
	"go/ast"
	"go/token"
	"go/types"
)

// First says what came first when the select took that case: "ctx is done
// first".
func First(info *types.Info, clause *ast.CommClause) string {
	if clause.Comm == nil {
		return "nothing has come yet"
	}
	var from ast.Expr
	ast.Inspect(clause.Comm, func(n ast.Node) bool {
		if n, ok := n.(*ast.UnaryExpr); ok && n.Op == token.ARROW && from == nil {
			from = ast.Unparen(n.X)
		}
		return from == nil
	})
	switch from := from.(type) {
	case nil: // a send
	case *ast.CallExpr:
		f := Callee(info, from)
		switch {
		case f == nil:
		case f.Name() == "Done" && Receiver(from) != nil && IsContext(info.TypeOf(Receiver(from))):
			return types.ExprString(Receiver(from)) + " is done first"
		case CallsStd(info, from, "time", "After"):
			return "the time is up first"
		}
	default:
		if c, ok := info.TypeOf(from).Underlying().(*types.Chan); ok && IsNamed(c.Elem(), []string{"time"}, "Time") {
			return "the time is up first"
		}
		return types.ExprString(from) + " is first"
	}
	return "another case is first"
}
