package code

// This file says what two pieces of code have in common: the variable that both
// name, the way that leads from one to the other.

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"
)

// SamePlace reports whether a and b name the same variable: the same
// identifier, or the same field of the same place. What an index or a call
// leads to is never the same for certain.
func SamePlace(info *types.Info, a, b ast.Expr) bool {
	a, b = plain(a), plain(b)
	switch a := a.(type) {
	case *ast.Ident:
		b, ok := b.(*ast.Ident)
		return ok && info.ObjectOf(a) != nil && info.ObjectOf(a) == info.ObjectOf(b)
	case *ast.SelectorExpr:
		b, ok := b.(*ast.SelectorExpr)
		if !ok || info.ObjectOf(a.Sel) == nil || info.ObjectOf(a.Sel) != info.ObjectOf(b.Sel) {
			return false
		}
		if id, ok := a.X.(*ast.Ident); ok {
			if _, ok := info.Uses[id].(*types.PkgName); ok {
				return true
			}
		}
		return SamePlace(info, a.X, b.X)
	}
	return false
}

// plain takes parentheses, & and * off an expression.
func plain(e ast.Expr) ast.Expr {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.UnaryExpr:
			if x.Op != token.AND {
				return x
			}
			e = x.X
		default:
			return x
		}
	}
}

// Has reports whether f holds for the node or for one below it.
func Has(n ast.Node, f func(ast.Node) bool) (found bool) {
	ast.Inspect(n, func(m ast.Node) bool {
		found = found || m != nil && f(m)
		return !found
	})
	return found
}

// Uses reports whether the node names the variable.
func Uses(info *types.Info, n ast.Node, v *types.Var) bool {
	return v != nil && Has(n, func(m ast.Node) bool {
		id, ok := m.(*ast.Ident)
		return ok && info.ObjectOf(id) == types.Object(v)
	})
}

// ReturnsError reports whether the function's only result is an error.
func ReturnsError(info *types.Info, typ *ast.FuncType) bool {
	if typ.Results == nil || len(typ.Results.List) != 1 || len(typ.Results.List[0].Names) > 1 {
		return false
	}
	t := info.TypeOf(typ.Results.List[0].Type)
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// Escapes returns all returns that Escape looks for, in no order.
func (w Walk) Escapes(g *cfg.CFG, from ast.Node) (outs []*ast.ReturnStmt) {
	w.visit(g, from, func(n ast.Node) (on bool) {
		if w.Covers(n) {
			return false
		}
		ret, ok := n.(*ast.ReturnStmt)
		if ok {
			outs = append(outs, ret)
		}
		return !ok
	})
	return outs
}

// Between returns the first node that is a goal on a way from the node on which
// nothing in front of it was covered.
func (w Walk) Between(g *cfg.CFG, from ast.Node, goal func(ast.Node) bool) (found ast.Node) {
	w.visit(g, from, func(n ast.Node) (on bool) {
		if found == nil && goal(n) {
			found = n
		}
		return found == nil && !w.Covers(n)
	})
	return found
}

// ValuesOf returns what is assigned to the variable anywhere below root; an
// entry is nil where one value is among several results of a call, or is not
// to be seen. There is none for a parameter, nor for a zero value.
func ValuesOf(root inspector.Cursor, info *types.Info, v *types.Var) (values []ast.Expr) {
	add := func(names, rights []ast.Expr) {
		for i, name := range names {
			if Var(info, name) != v {
				continue
			}
			if len(rights) == len(names) {
				values = append(values, rights[i])
			} else {
				values = append(values, nil)
			}
		}
	}
	for cur := range root.Preorder((*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.UnaryExpr)(nil), (*ast.KeyValueExpr)(nil)) {
		switch s := cur.Node().(type) {
		case *ast.AssignStmt:
			add(s.Lhs, s.Rhs)
		case *ast.ValueSpec:
			if len(s.Values) > 0 {
				names := make([]ast.Expr, len(s.Names))
				for i, name := range s.Names {
					names[i] = name
				}
				add(names, s.Values)
			}
		case *ast.UnaryExpr:
			if s.Op == token.AND && !v.IsField() && Var(info, s.X) == v {
				values = append(values, nil)
			}
		case *ast.KeyValueExpr:
			if v.IsField() && Var(info, s.Key) == v {
				values = append(values, s.Value)
			}
		}
	}
	return values
}
