package code

// This file looks for the context that a piece of code should heed: one that
// somebody else may end.

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
)

// ContextAt returns how the code at cur writes the context that its function
// was called with: a parameter, a variable that was derived from one, the one
// of a *http.Request, or one that a signal ends. It is "" if there is none. A
// closure has the contexts of the function around it if it uses them. A
// function that takes a context's values without its end has none.
func ContextAt(pkg *types.Package, info *types.Info, cur inspector.Cursor) string {
	fn, ok := FuncAround(cur)
	if !ok || detaches(info, fn.Node()) {
		return ""
	}
	inner, pos := fn.Node(), cur.Node().Pos()
	visible := func(v *types.Var) bool {
		scope := pkg.Scope().Innermost(pos)
		if scope == nil {
			return false
		}
		_, obj := scope.LookupParent(v.Name(), pos)
		return obj == types.Object(v)
	}
	for own := true; ok; own = false {
		f := fn.Node()
		uses := func(v *types.Var) bool { return own || Uses(info, inner, v) }
		for _, v := range parameters(info, f) {
			if visible(v) && uses(v) {
				if IsContext(v.Type()) {
					return v.Name()
				}
				if isRequest(v.Type()) {
					return v.Name() + ".Context()"
				}
			}
		}
		for _, v := range derived(info, f) {
			if visible(v) && v.Pos() < pos && uses(v) {
				return v.Name()
			}
		}
		fn, ok = FuncAround(fn)
	}
	return ""
}

func detaches(info *types.Info, f ast.Node) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && CallsStd(info, call, "context", "WithoutCancel")
		return !found
	})
	return found
}

func isRequest(t types.Type) bool {
	_, pointer := types.Unalias(t).(*types.Pointer)
	return pointer && IsNamed(t, []string{"net/http"}, "Request")
}

// parameters returns the parameters of f that have a name.
func parameters(info *types.Info, f ast.Node) (vars []*types.Var) {
	typ, _ := FuncParts(f)
	for _, field := range typ.Params.List {
		for _, name := range field.Names {
			if v, ok := info.Defs[name].(*types.Var); ok && name.Name != "_" {
				vars = append(vars, v)
			}
		}
	}
	return vars
}

// derived returns the variables that f itself declares for contexts with an
// end that somebody else decides on. A context that the function made for
// itself, from context.Background, is its own to end, and one that is not
// ended at all is nothing to heed.
func derived(info *types.Info, f ast.Node) (vars []*types.Var) {
	_, body := FuncParts(f)
	known := map[*types.Var]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		if _, closure := n.(*ast.FuncLit); closure {
			return false
		}
		assign, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, left := range assign.Lhs {
			id, ok := left.(*ast.Ident)
			if !ok {
				continue
			}
			v, ok := info.Defs[id].(*types.Var)
			if !ok || !IsContext(v.Type()) {
				continue
			}
			value := assign.Rhs[0]
			if len(assign.Rhs) == len(assign.Lhs) {
				value = assign.Rhs[i]
			}
			if outside(info, value, known) {
				known[v] = true
				vars = append(vars, v)
			}
		}
		return true
	})
	return vars
}

// outside reports whether the value is a context that is ended from outside of
// the function. What is not known is not.
func outside(info *types.Info, value ast.Expr, known map[*types.Var]bool) bool {
	switch value := ast.Unparen(value).(type) {
	case *ast.Ident:
		v, ok := info.Uses[value].(*types.Var)
		return ok && IsContext(v.Type()) && (known[v] || v.Kind() == types.ParamVar)
	case *ast.CallExpr:
		switch {
		case CallsStd(info, value, "net/http", "Request.Context"), CallsStd(info, value, "os/signal", "NotifyContext"):
			return true
		}
		for _, arg := range value.Args {
			if t := info.TypeOf(arg); t != nil && IsContext(t) && outside(info, arg, known) {
				return true
			}
		}
	}
	return false
}
