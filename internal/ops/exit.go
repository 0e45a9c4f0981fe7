package ops

// Exit codes: what os.Exit may be given, and what a report's ExitCode returns.

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// exits follows the codes back to constants: from os.Exit in a command, from
// the funcs below in a library.
func (r *reader) exits() {
	e := &exits{reader: r, bodies: map[ast.Node]bool{}, variables: map[types.Object]bool{}}
	for _, f := range r.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Name.Name == "ExitCode" || fn.Name.Name == "Main" {
				e.results(fn.Body, fn.Type, 0, fn)
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					if callee := r.callee(c); callee != nil && callee.FullName() == "os.Exit" {
						e.code(c.Args[0], fn)
					}
				}
				return true
			})
		}
	}
}

type exits struct {
	*reader
	bodies    map[ast.Node]bool // that were looked at
	variables map[types.Object]bool
}

// results takes in what a func returns as its i-th result.
func (e *exits) results(body *ast.BlockStmt, typ *ast.FuncType, i int, fn *ast.FuncDecl) {
	if e.bodies[body] {
		return
	}
	e.bodies[body] = true
	var named []ast.Expr
	for _, field := range typ.Results.List {
		for _, name := range field.Names {
			named = append(named, name)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			if len(n.Results) > i {
				e.code(n.Results[i], fn)
			} else if len(named) > i {
				e.code(named[i], fn)
			}
		}
		return true
	})
}

// code takes in an expression that is an exit code.
func (e *exits) code(x ast.Expr, fn *ast.FuncDecl) {
	x = ast.Unparen(x)
	if v := e.info.Types[x].Value; v != nil {
		e.add("exit", v.ExactString(), "")
		return
	}
	switch x := x.(type) {
	case *ast.Ident:
		e.variable(x, fn)
	case *ast.CallExpr:
		e.returned(x, 0, fn)
	default:
		e.fail(x, "an exit code can't be read")
	}
}

// returned takes in what a call returns as its i-th result.
func (e *exits) returned(c *ast.CallExpr, i int, fn *ast.FuncDecl) {
	if id, ok := c.Fun.(*ast.Ident); ok {
		if id.Name == "max" || id.Name == "min" {
			for _, arg := range c.Args {
				e.code(arg, fn)
			}
			return
		}
		for _, v := range e.assigned(id, fn) { // a local func
			if lit, ok := v.(*ast.FuncLit); ok {
				e.results(lit.Body, lit.Type, i, fn)
				return
			}
		}
	}
	callee := e.callee(c)
	if callee == nil {
		e.fail(c, "an exit code can't be read")
		return
	}
	if callee.FullName() == "(*os.ProcessState).ExitCode" {
		e.add("exit", "as the go command's", "")
		return
	}
	if decl := e.decl(callee); decl != nil {
		// A code that a func is given is what its callers give it.
		for _, arg := range e.codeArgs(decl, c) {
			e.code(arg, fn)
		}
		e.results(decl.Body, decl.Type, i, decl)
		return
	}
	e.fail(c, "an exit code of another package")
}

// codeArgs are the arguments of a call whose parameters are called code.
func (e *exits) codeArgs(decl *ast.FuncDecl, c *ast.CallExpr) (args []ast.Expr) {
	i := 0
	for _, field := range decl.Type.Params.List {
		for _, name := range field.Names {
			if name.Name == "code" && i < len(c.Args) {
				args = append(args, c.Args[i])
			}
			i++
		}
	}
	return args
}

// variable takes in all that is assigned to one.
func (e *exits) variable(id *ast.Ident, fn *ast.FuncDecl) {
	object := e.info.ObjectOf(id)
	if e.isParam(object, fn) || e.variables[object] { // codeArgs has the former
		return
	}
	e.variables[object] = true
	var bases []string
	adds := false
	ast.Inspect(fn, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, l := range a.Lhs {
			l, ok := l.(*ast.Ident)
			if !ok || e.info.ObjectOf(l) != object {
				continue
			}
			switch {
			case a.Tok == token.ADD_ASSIGN:
				adds = true
			case len(a.Rhs) == len(a.Lhs):
				e.code(a.Rhs[i], fn)
				if v := e.info.Types[a.Rhs[i]].Value; v != nil {
					bases = append(bases, v.ExactString())
				}
			default:
				if c, ok := a.Rhs[0].(*ast.CallExpr); ok {
					e.returned(c, i, fn)
				}
			}
		}
		return true
	})
	if adds && slices.Contains(bases, "128") {
		e.add("exit", "128+n", "")
	}
}

func (r *reader) isParam(object types.Object, fn *ast.FuncDecl) bool {
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			if r.info.Defs[name] == object {
				return true
			}
		}
	}
	return false
}

// decl is the declaration of a func of this package.
func (e *exits) decl(callee *types.Func) *ast.FuncDecl {
	for _, f := range e.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && e.info.Defs[fn.Name] == callee.Origin() && fn.Body != nil {
				return fn
			}
		}
	}
	return nil
}

// signal takes in a signal that the code names.
func (r *reader) signal(sel *ast.SelectorExpr) {
	object := r.info.Uses[sel.Sel]
	if object == nil || object.Pkg() == nil {
		return
	}
	name := object.Name()
	switch object.Pkg().Path() {
	case "syscall":
		if strings.HasPrefix(name, "SIG") && object.Type().String() == "syscall.Signal" {
			r.add("signal", name, "")
		}
	case "os":
		if name == "Interrupt" {
			r.add("signal", "SIGINT", "")
		}
	}
}
