package code

// This file gets at the function around a piece of code, at its parts, and at
// its control flow. A function is a *ast.FuncDecl or a *ast.FuncLit.

import (
	"go/ast"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"
)

// FuncAround returns the innermost function around the node, and not the node
// itself; false outside of functions.
func FuncAround(cur inspector.Cursor) (inspector.Cursor, bool) {
	for outer := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		if outer != cur {
			return outer, true
		}
	}
	return cur, false
}

// FuncParts returns the type and the body of a function. The body is nil where
// it is written in another language.
func FuncParts(fn ast.Node) (*ast.FuncType, *ast.BlockStmt) {
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		return fn.Type, fn.Body
	case *ast.FuncLit:
		return fn.Type, fn.Body
	}
	return nil, nil
}

// Body returns the body of a function, as FuncParts does.
func Body(fn ast.Node) *ast.BlockStmt {
	_, body := FuncParts(fn)
	return body
}

// Graph returns the control flow of a function; nil if it has no body.
func Graph(flows *ctrlflow.CFGs, fn ast.Node) *cfg.CFG {
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		return flows.FuncDecl(fn)
	case *ast.FuncLit:
		return flows.FuncLit(fn)
	}
	return nil
}

// GraphOf is Graph for an analyzer that requires ctrlflow.
func GraphOf(pass *analysis.Pass, fn ast.Node) *cfg.CFG {
	return Graph(pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs), fn)
}
