package migrate

// This file finds the places at which a value becomes an interface value: what
// it is disappears from the types there.

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/types/typeutil"
)

// printers don't keep what they are given, and don't care what it is.
var printers = []string{"fmt", "log", "log/slog", "testing"}

// conversions looks at the conversions that a node makes, stack being what it
// is in.
func (w *walk) conversions(n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		w.call(n)
	case *ast.AssignStmt:
		if n.Tok == token.ASSIGN || n.Tok == token.DEFINE {
			var to []types.Type
			for _, l := range n.Lhs {
				to = append(to, w.info.TypeOf(l))
			}
			w.assign(to, n.Rhs, nil)
		}
	case *ast.ValueSpec:
		if n.Type != nil {
			w.assign(slices.Repeat([]types.Type{w.info.TypeOf(n.Type)}, len(n.Names)), n.Values, nil)
		}
	case *ast.ReturnStmt:
		if results := w.results(stack); results != nil {
			w.assign(tuple(results), n.Results, nil)
		}
	case *ast.SendStmt:
		if ch := w.info.TypeOf(n.Chan); ch != nil {
			if ch, ok := ch.Underlying().(*types.Chan); ok {
				w.assign([]types.Type{ch.Elem()}, []ast.Expr{n.Value}, nil)
			}
		}
	case *ast.IndexExpr:
		if t := w.info.TypeOf(n.X); t != nil {
			if m, ok := t.Underlying().(*types.Map); ok {
				w.assign([]types.Type{m.Key()}, []ast.Expr{n.Index}, nil)
			}
		}
	case *ast.CompositeLit:
		w.literal(n)
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			w.assign([]types.Type{w.info.TypeOf(n.X)}, []ast.Expr{n.Y}, nil)
			w.assign([]types.Type{w.info.TypeOf(n.Y)}, []ast.Expr{n.X}, nil)
		}
	}
}

// results returns what the innermost function of the stack returns.
func (w *walk) results(stack []ast.Node) *types.Tuple {
	for _, n := range slices.Backward(stack) {
		var t types.Type
		switch n := n.(type) {
		case *ast.FuncLit:
			t = w.info.TypeOf(n)
		case *ast.FuncDecl:
			if f := w.info.Defs[n.Name]; f != nil {
				t = f.Type()
			}
		}
		if sig, ok := t.(*types.Signature); ok {
			return sig.Results()
		}
	}
	return nil
}

func tuple(t *types.Tuple) []types.Type {
	var list []types.Type
	for v := range t.Variables() {
		list = append(list, v.Type())
	}
	return list
}

// call looks at the arguments of a call, or at what is converted.
func (w *walk) call(call *ast.CallExpr) {
	tv, ok := w.info.Types[call.Fun]
	if !ok || tv.IsBuiltin() {
		return
	}
	if tv.IsType() {
		w.assign([]types.Type{tv.Type}, call.Args, nil)
		return
	}
	sig, ok := tv.Type.Underlying().(*types.Signature)
	if !ok {
		return
	}
	params := tuple(sig.Params())
	if sig.Variadic() && !call.Ellipsis.IsValid() {
		last, ok := params[len(params)-1].Underlying().(*types.Slice)
		if !ok {
			return
		}
		params = params[:len(params)-1]
		for len(params) < max(len(call.Args), 16) { // f(g()) may give more than one
			params = append(params, last.Elem())
		}
	}
	var callee *types.Package
	if obj := typeutil.Callee(w.info, call); obj != nil {
		callee = obj.Pkg()
	}
	w.assign(params, call.Args, callee)
}

// literal looks at what a composite literal is filled with.
func (w *walk) literal(lit *ast.CompositeLit) {
	t := w.info.TypeOf(lit)
	if t == nil {
		return
	}
	var owner *types.Package
	if named, ok := types.Unalias(step(t)).(*types.Named); ok {
		owner = named.Obj().Pkg()
	}
	for i, e := range lit.Elts {
		kv, keyed := e.(*ast.KeyValueExpr)
		value := e
		if keyed {
			value = kv.Value
		}
		var elem types.Type
		switch u := step(t).Underlying().(type) {
		case *types.Struct:
			if !keyed {
				elem = u.Field(min(i, u.NumFields()-1)).Type()
			} else if id, ok := kv.Key.(*ast.Ident); ok && w.info.Uses[id] != nil {
				elem = w.info.Uses[id].Type()
			}
		case *types.Map:
			elem = u.Elem()
			if keyed {
				w.assign([]types.Type{u.Key()}, []ast.Expr{kv.Key}, owner)
			}
		case interface{ Elem() types.Type }:
			elem = u.Elem()
		}
		if elem != nil {
			w.assign([]types.Type{elem}, []ast.Expr{value}, owner)
		}
	}
}

// assign looks at values that get other types, in a package's func or literal
// if owner is not nil.
func (w *walk) assign(to []types.Type, values []ast.Expr, owner *types.Package) {
	if len(values) == 1 && len(to) > 1 {
		if t, ok := w.info.TypeOf(values[0]).(*types.Tuple); ok {
			for i, from := range tuple(t) {
				if i < len(to) {
					w.convert(to[i], from, values[0].Pos(), owner)
				}
			}
			return
		}
	}
	for i, v := range values {
		if i < len(to) {
			w.convert(to[i], w.info.TypeOf(v), v.Pos(), owner)
		}
	}
}

// convert looks at one value that may become an interface value.
func (w *walk) convert(to, from types.Type, pos token.Pos, owner *types.Package) {
	if to == nil || from == nil || !types.IsInterface(to) || types.Identical(to, from) {
		return
	}
	if _, ok := types.Unalias(to).(*types.TypeParam); ok {
		return // see instance
	}
	iface := to.Underlying().(*types.Interface)
	var named set
	for m := range iface.Methods() {
		s := w.mentions(m.Type())
		if s == 0 {
			continue
		}
		named |= s
		w.touch(s, m.Origin(), pos)
		obj, index, _ := types.LookupFieldOrMethod(from, true, m.Pkg(), m.Name())
		if f, ok := obj.(*types.Func); ok {
			w.touch(s, f.Origin(), pos)
			for _, field := range path(from, index) {
				w.touch(w.mentions(field.Origin().Type())|s, field.Origin(), pos)
			}
		}
	}
	if named == 0 {
		w.hand(w.within(from)|w.methods(from), owner, pos, "gets "+short(from)+" as "+short(to))
	}
}

// methods returns what the methods of a type of the module mention: whoever
// gets the value may ask for an interface that has them.
func (w *walk) methods(t types.Type) set {
	named, ok := types.Unalias(step(t)).(*types.Named)
	if !ok || w.files[w.fileOf(named.Obj().Pos())] == nil {
		return 0
	}
	var s set
	for m := range named.Methods() {
		if m.Exported() {
			s |= w.mentions(m.Origin().Type())
		}
	}
	return s
}

// hand says that values are handed over in a way that hides their types. A
// package outside of the module that knows the original may look for it; any
// other one at most passes them on to those of the module that do.
func (w *walk) hand(s set, owner *types.Package, pos token.Pos, what string) {
	if owner != nil && slices.Contains(printers, owner.Path()) {
		return
	}
	outside := owner != nil && !w.own[owner.Path()]
	s.each(len(w.graphs), func(i int) {
		g := w.graphs[i]
		if outside && w.deps[owner.Path()].has(i) && owner.Path() != w.pairs[i].from {
			g.keep(w.file, w.noteAt(pos, fmt.Sprintf("%s, outside of the module, %s, and knows %s", owner.Path(), what, w.pairs[i].from)))
		}
		if _, there := g.meet[w.file]; !there {
			g.meet[w.file] = w.noteAt(pos, "a value that has a type of "+w.pairs[i].name()+" becomes an interface value")
		}
	})
}
