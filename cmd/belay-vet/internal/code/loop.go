package code

// This file knows loops: which loop a node is in, whether
// it goes on from there to another round, and whether its rounds are few.

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"
)

// LoopAround returns the cursor of the innermost loop of the same function
// whose body holds cur.
func LoopAround(cur inspector.Cursor) (inspector.Cursor, bool) {
	child := cur
	for outer := range cur.Enclosing() {
		switch n := outer.Node().(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if outer != cur {
				return cur, false
			}
		case *ast.ForStmt:
			if child.Node() == n.Body {
				return outer, true
			}
		case *ast.RangeStmt:
			if child.Node() == n.Body {
				return outer, true
			}
		}
		child = outer
	}
	return cur, false
}

// LeadsTo reports whether a way leads from the clause of a select, once it has
// won, to the node.
func LeadsTo(g *cfg.CFG, clause *ast.CommClause, to ast.Node) bool {
	target, _ := find(g, to)
	for _, b := range g.Blocks {
		if b.Kind == cfg.KindSelectCaseBody && b.Stmt == ast.Stmt(clause) {
			return target != nil && (b == target || connected(b, target))
		}
	}
	return false
}

// connected reports whether there is a way of at least one edge.
func connected(from, to *cfg.Block) bool {
	seen := map[*cfg.Block]bool{}
	todo := []*cfg.Block{from}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, next := range b.Succs {
			if next == to {
				return true
			}
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}

// few is how many rounds a loop may have that are not worth a finding.
const few = 100

// FewRounds reports whether the loop's rounds are few, and their number is
// fixed where it is written: counted up or down between constants, or over a
// constant number, an array or a literal.
func FewRounds(info *types.Info, loop ast.Node) bool {
	switch loop := loop.(type) {
	case *ast.RangeStmt:
		if n, ok := intValue(info, loop.X); ok {
			return n <= few
		}
		x := ast.Unparen(loop.X)
		if lit, ok := x.(*ast.CompositeLit); ok {
			return len(lit.Elts) <= few
		}
		t := info.TypeOf(x)
		if t == nil {
			return false
		}
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		array, ok := t.Underlying().(*types.Array)
		return ok && array.Len() <= few
	case *ast.ForStmt:
		return countsFew(info, loop)
	}
	return false
}

func countsFew(info *types.Info, loop *ast.ForStmt) bool {
	init, ok := loop.Init.(*ast.AssignStmt)
	if !ok || len(init.Rhs) != 1 {
		return false
	}
	first, ok := intValue(info, init.Rhs[0])
	if !ok {
		return false
	}
	cond, ok := loop.Cond.(*ast.BinaryExpr)
	if !ok {
		return false
	}
	if _, ok := loop.Post.(*ast.IncDecStmt); !ok {
		return false
	}
	switch cond.Op {
	case token.LSS, token.LEQ, token.GTR, token.GEQ, token.NEQ:
	default:
		return false
	}
	last, ok := intValue(info, cond.Y)
	return ok && max(last-first, first-last) <= few
}

func intValue(info *types.Info, e ast.Expr) (int64, bool) {
	value := info.Types[e].Value
	if value == nil || value.Kind() != constant.Int {
		return 0, false
	}
	return constant.Int64Val(value)
}

// InTest reports whether cur is in a test, or in a file that helps tests: one
// that imports testing.
func InTest(cur inspector.Cursor) bool {
	for outer := range cur.Enclosing((*ast.File)(nil)) {
		for _, spec := range outer.Node().(*ast.File).Imports {
			if spec.Path.Value == `"testing"` {
				return true
			}
		}
	}
	return false
}
