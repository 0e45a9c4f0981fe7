package ops

// Words with a meaning: flags, the values of states and outcomes, names of spans.

import (
	"go/ast"
	"go/types"
	"strings"
)

// flagCall takes in a call that defines a flag.
func (r *reader) flagCall(c *ast.CallExpr, callee *types.Func) {
	at := 0
	if strings.HasSuffix(callee.Name(), "Var") {
		at = 1
	}
	params := callee.Signature().Params()
	if params.Len() <= at || params.At(at).Name() != "name" || callee.Name() == "NewFlagSet" || callee.Name() == "Lookup" {
		return
	}
	if name, ok := r.text(c.Args[at]); ok {
		r.add("flag", "-"+name, "")
	} else if r.pkg.Name() == "main" {
		r.fail(c, "the name of a flag can't be read")
	}
}

// ownFlags takes in a command's table of switches: names, and where they go.
func (r *reader) ownFlags(lit *ast.CompositeLit) {
	t := r.info.Types[lit].Type
	if r.pkg.Name() != "main" || t == nil || t.String() != "map[string]*bool" {
		return
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if name, ok := r.text(kv.Key); ok {
				r.add("flag", "-"+name, "")
			}
		}
	}
}

// constants takes in the values of a string type of which a JSON object has one.
func (r *reader) constants(named *types.Named) {
	if named == nil || named.Obj().Pkg() != r.pkg || kindOf(named) != "string" {
		return
	}
	for _, name := range r.pkg.Scope().Names() {
		if c, ok := r.pkg.Scope().Lookup(name).(*types.Const); ok && types.Identical(c.Type(), named) {
			r.add("value", named.Obj().Name(), c.Val().String())
		}
	}
}

// values takes in what a report's states and outcomes may be: the table of the
// names, and all that an outcome is set to or compared with.
func (r *reader) values(n ast.Node) {
	if r.of != "graceful" {
		return
	}
	switch n := n.(type) {
	case *ast.ValueSpec:
		if n.Names[0].Name == "stateNames" {
			for _, e := range n.Values[0].(*ast.CompositeLit).Elts {
				r.value1("state", e)
			}
		}
		if strings.HasPrefix(n.Names[0].Name, "outcome") && len(n.Values) == 1 {
			r.value1("outcome", n.Values[0])
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if isOutcome(l) && len(n.Rhs) == len(n.Lhs) {
				r.value1("outcome", n.Rhs[i])
			}
		}
	case *ast.KeyValueExpr:
		if isOutcome(n.Key) {
			r.value1("outcome", n.Value)
		}
	case *ast.BinaryExpr:
		if isOutcome(n.X) {
			r.value1("outcome", n.Y)
		}
	}
}

func (r *reader) value1(of string, e ast.Expr) {
	if v, ok := r.text(e); ok && v != "" {
		r.add("value", of, `"`+v+`"`)
	}
}

func isOutcome(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.EqualFold(e.Name, "outcome")
	case *ast.SelectorExpr:
		return e.Sel.Name == "Outcome"
	}
	return false
}

// span takes in the start of a span; what is not constant in its name is "…".
func (r *reader) span(c *ast.CallExpr, fn *ast.FuncDecl) {
	for _, name := range r.patterns(c.Args[1], fn) {
		r.add("span", `"`+name+`"`, "")
	}
}

// patterns are the forms that a text may have. A parameter has those that its
// func is called with.
func (r *reader) patterns(e ast.Expr, fn *ast.FuncDecl) []string {
	if s, ok := r.text(e); ok {
		return []string{s}
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		var all []string
		for _, x := range r.patterns(e.X, fn) {
			for _, y := range r.patterns(e.Y, fn) {
				all = append(all, x+y)
			}
		}
		return all
	case *ast.CallExpr:
		if callee := r.callee(e); callee != nil && callee.FullName() == "fmt.Sprintf" {
			format, _ := r.text(e.Args[0])
			var all []string
			first, rest, has := strings.Cut(format, "%s")
			if !has {
				return []string{strings.ReplaceAll(format, "%d", "…")}
			}
			for _, x := range r.patterns(e.Args[1], fn) {
				all = append(all, first+x+strings.ReplaceAll(rest, "%d", "…"))
			}
			return all
		}
	case *ast.Ident:
		if i := r.param(e, fn); i >= 0 && !ast.IsExported(fn.Name.Name) {
			return r.given(fn, i)
		}
	}
	return []string{"…"}
}

// param is the place of a parameter among those of fn; -1: it is none.
func (r *reader) param(id *ast.Ident, fn *ast.FuncDecl) int {
	i := 0
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			if r.info.Defs[name] == r.info.ObjectOf(id) {
				return i
			}
			i++
		}
	}
	return -1
}

// given are the forms of what the callers of fn give it as the i-th argument.
func (r *reader) given(fn *ast.FuncDecl, i int) (all []string) {
	for _, f := range r.files {
		for _, d := range f.Decls {
			caller, ok := d.(*ast.FuncDecl)
			if !ok || caller == fn {
				continue
			}
			ast.Inspect(caller, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok && len(c.Args) > i {
					if callee := r.callee(c); callee != nil && callee == r.info.Defs[fn.Name] {
						all = append(all, r.patterns(c.Args[i], caller)...)
					}
				}
				return true
			})
		}
	}
	return all
}
