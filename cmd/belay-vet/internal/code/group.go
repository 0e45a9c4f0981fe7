package code

// This file finds the groups of tasks that a function makes for itself, and
// all that it does with them.

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// WaitGroup is the packages that have a WaitGroup.
var WaitGroup = []string{"sync", "github.com/belay-go/belay/timeout"}

// Group is a local variable with a group of tasks that is made where the
// variable is declared.
type Group struct {
	Var   *types.Var
	Ident *ast.Ident       // that declares it
	Func  inspector.Cursor // the innermost function around the declaration

	// Make is the call of WithContext or New that it comes from; nil for a
	// zero value.
	Make *ast.CallExpr

	Calls []GroupCall // of its methods, in source order

	// Escapes says that there is a use that is no call of a method: somebody
	// else may wait for it, or the variable may hold another group.
	Escapes bool
}

// GroupCall is the call of a group's method.
type GroupCall struct {
	Name string
	Call *ast.CallExpr
	Cur  inspector.Cursor
	Func inspector.Cursor // the innermost function around the call
}

// Groups returns the groups, of that type name in the packages, that are local
// to a function.
func Groups(root inspector.Cursor, info *types.Info, packages []string, name string) []*Group {
	var found []*Group
	for cur := range root.Preorder((*ast.Ident)(nil)) {
		id := cur.Node().(*ast.Ident)
		v, ok := info.Defs[id].(*types.Var)
		if !ok || !IsNamed(v.Type(), packages, name) {
			continue
		}
		makes, ok := madeHere(info, cur, packages)
		fn, local := FuncAround(cur)
		if !ok || !local {
			continue
		}
		g := &Group{Var: v, Ident: id, Func: fn, Make: makes}
		for use := range fn.Preorder((*ast.Ident)(nil)) {
			if info.Uses[use.Node().(*ast.Ident)] == v {
				g.use(use)
			}
		}
		found = append(found, g)
	}
	return found
}

// use takes down one use of the variable.
func (g *Group) use(id inspector.Cursor) {
	if id.ParentEdgeKind() == edge.SelectorExpr_X {
		sel := id.Parent()
		if sel.ParentEdgeKind() == edge.CallExpr_Fun {
			fn, _ := FuncAround(id)
			g.Calls = append(g.Calls, GroupCall{
				Name: sel.Node().(*ast.SelectorExpr).Sel.Name,
				Call: sel.Parent().Node().(*ast.CallExpr),
				Cur:  sel.Parent(),
				Func: fn,
			})
			return
		}
	}
	g.Escapes = true
}

// Called returns the calls of the methods with those names.
func (g *Group) Called(names ...string) []GroupCall {
	var calls []GroupCall
	for _, c := range g.Calls {
		if slices.Contains(names, c.Name) {
			calls = append(calls, c)
		}
	}
	return calls
}

// Task returns the function literal that the call of Go, TryGo or GoContext
// hands over; nil if it hands over something else.
func (c GroupCall) Task() *ast.FuncLit {
	if len(c.Call.Args) == 0 {
		return nil
	}
	lit, _ := ast.Unparen(c.Call.Args[len(c.Call.Args)-1]).(*ast.FuncLit)
	return lit
}

// madeHere says whether the identifier declares a variable together with the
// group in it, and by which call.
func madeHere(info *types.Info, id inspector.Cursor, packages []string) (call *ast.CallExpr, ok bool) {
	at := id.ParentEdgeIndex()
	switch parent := id.Parent().Node().(type) {
	case *ast.AssignStmt:
		if parent.Tok == token.DEFINE && id.ParentEdgeKind() == edge.AssignStmt_Lhs {
			return fresh(info, parent.Rhs, at, packages)
		}
	case *ast.ValueSpec:
		if id.ParentEdgeKind() != edge.ValueSpec_Names {
			return nil, false
		}
		if len(parent.Values) > 0 {
			return fresh(info, parent.Values, at, packages)
		}
		_, pointer := types.Unalias(info.Defs[id.Node().(*ast.Ident)].Type()).(*types.Pointer)
		return nil, !pointer
	}
	return nil, false
}

// fresh says whether the at-th of the values is a new group.
func fresh(info *types.Info, values []ast.Expr, at int, packages []string) (call *ast.CallExpr, ok bool) {
	if len(values) == 1 && at == 0 {
		call, ok := ast.Unparen(values[0]).(*ast.CallExpr)
		if ok && Calls(info, call, packages, "WithContext", "New") {
			return call, true
		}
	}
	if at >= len(values) {
		return nil, false
	}
	e := ast.Unparen(values[at])
	if and, ok := e.(*ast.UnaryExpr); ok && and.Op == token.AND {
		e = ast.Unparen(and.X)
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		return nil, true
	case *ast.CallExpr:
		id, ok := ast.Unparen(e.Fun).(*ast.Ident)
		return nil, ok && info.Uses[id] == types.Universe.Lookup("new")
	}
	return nil, false
}

// Derived returns the variable with the context that comes with the group; nil
// if there is none, or if it is discarded.
func Derived(info *types.Info, g *Group) *types.Var {
	if g.Make == nil {
		return nil
	}
	var ctx *types.Var
	ast.Inspect(g.Func.Node(), func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if len(s.Rhs) == 1 && ast.Unparen(s.Rhs[0]) == g.Make && len(s.Lhs) == 2 {
				ctx = Var(info, s.Lhs[1])
			}
		case *ast.ValueSpec:
			if len(s.Values) == 1 && ast.Unparen(s.Values[0]) == g.Make && len(s.Names) == 2 {
				ctx = Var(info, s.Names[1])
			}
		}
		return ctx == nil
	})
	return ctx
}
