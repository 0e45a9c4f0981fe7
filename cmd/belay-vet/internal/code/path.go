package code

// This file walks the control flow of one function: is there a way from here
// to the function's end on which something was never done?

import (
	"go/ast"

	"golang.org/x/tools/go/cfg"
)

// Walk describes what a search over the control flow looks for.
type Walk struct {
	// Covers says whether a node is what is looked for. The nodes are those of
	// package cfg: statements, and the expressions that decide. The sends and
	// receives of a select all count as nodes in front of it.
	Covers func(ast.Node) bool

	// Closed says whether the edge that a condition takes when it has that
	// value is none to look at, such as the one that an error leads to; nil:
	// all are looked at.
	Closed func(cond ast.Expr, value bool) bool
}

// Escape returns the first return found on a way from the node on which
// nothing was covered; nil if there is none, or if g doesn't have the node.
// Falling off the function's end is a return at its last brace. A way that
// ends in a panic, or in a call that doesn't return, is none.
func (w Walk) Escape(g *cfg.CFG, from ast.Node) *ast.ReturnStmt {
	var out *ast.ReturnStmt
	w.visit(g, from, func(n ast.Node) (on bool) {
		if w.Covers(n) {
			return false
		}
		ret, ok := n.(*ast.ReturnStmt)
		if ok && out == nil {
			out = ret
		}
		return !ok
	})
	return out
}

// Reaches returns the first covered node found on a way from the node.
func (w Walk) Reaches(g *cfg.CFG, from ast.Node) ast.Node {
	var found ast.Node
	w.visit(g, from, func(n ast.Node) (on bool) {
		if found == nil && w.Covers(n) {
			found = n
		}
		return found == nil
	})
	return found
}

// visit calls f for what may come after the node, along each way as long as f
// returns true.
func (w Walk) visit(g *cfg.CFG, from ast.Node, f func(ast.Node) (on bool)) {
	block, at := find(g, from)
	if block == nil {
		return
	}
	seen := map[*cfg.Block]bool{}
	var search func(*cfg.Block, int)
	search = func(b *cfg.Block, first int) {
		for _, n := range b.Nodes[first:] {
			if !f(n) {
				return
			}
		}
		for i, next := range b.Succs {
			if !w.closed(b, i) && !seen[next] {
				seen[next] = true
				search(next, 0)
			}
		}
	}
	search(block, at+1)
}

// closed reports whether the i-th edge out of b is none to look at. A block
// that decides has its condition last, and the edge for true first.
func (w Walk) closed(b *cfg.Block, i int) bool {
	if w.Closed == nil || len(b.Succs) != 2 || len(b.Nodes) == 0 {
		return false
	}
	cond, ok := b.Nodes[len(b.Nodes)-1].(ast.Expr)
	return ok && w.Closed(cond, i == 0)
}

// find returns the block of the smallest node that holds n, and that node's
// index in it.
func find(g *cfg.CFG, n ast.Node) (block *cfg.Block, at int) {
	size := -1
	for _, b := range g.Blocks {
		for i, m := range b.Nodes {
			if m.Pos() <= n.Pos() && n.End() <= m.End() {
				if width := int(m.End() - m.Pos()); size < 0 || width < size {
					block, at, size = b, i, width
				}
			}
		}
	}
	return block, at
}
