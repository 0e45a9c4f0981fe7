package deferloop

// What belongs to one round: what it takes, what it makes, and whether that
// leaves it.

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// taken reports whether the round calls the method on the same value as the
// deferred call, and that value is one for all rounds.
func (r *round) taken(call *ast.CallExpr, method string) (found bool) {
	recv := code.Receiver(call)
	if recv == nil || !r.outside(recv) {
		return false
	}
	text := types.ExprString(recv)
	r.each(func(n ast.Node) {
		other, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		sel, ok := ast.Unparen(other.Fun).(*ast.SelectorExpr)
		found = found || ok && sel.Sel.Name == method && types.ExprString(sel.X) == text
	})
	return found
}

// outside reports whether the expression is made of variables that the loop
// neither declares nor sets, and their fields: the same in each round.
func (r *round) outside(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, ok := r.TypesInfo.Uses[e].(*types.Var)
		if !ok || r.within(v) {
			return false
		}
		set := false
		ast.Inspect(r.loop, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					set = set || code.Var(r.TypesInfo, left) == v
				}
			case *ast.RangeStmt:
				set = set || n.Key != nil && code.Var(r.TypesInfo, n.Key) == v || n.Value != nil && code.Var(r.TypesInfo, n.Value) == v
			}
			return !set
		})
		return !set
	case *ast.SelectorExpr:
		if id, ok := e.X.(*ast.Ident); ok {
			if _, pkg := r.TypesInfo.Uses[id].(*types.PkgName); pkg {
				return true
			}
		}
		return r.outside(e.X)
	}
	return false
}

func (r *round) within(v *types.Var) bool { return r.loop.Pos() <= v.Pos() && v.Pos() < r.loop.End() }

// madeBy reports whether the round sets v to the last result of one of the
// functions; the variable of the first one goes to first.
func (r *round) madeBy(v *types.Var, first **types.Var, pkg string, names ...string) (found bool) {
	r.each(func(n ast.Node) {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Rhs) != 1 || code.Var(r.TypesInfo, assign.Lhs[len(assign.Lhs)-1]) != v {
			return
		}
		call, ok := ast.Unparen(assign.Rhs[0]).(*ast.CallExpr)
		if !ok || !code.CallsStd(r.TypesInfo, call, pkg, names...) {
			return
		}
		found = true
		if first != nil {
			*first = code.Var(r.TypesInfo, assign.Lhs[0])
		}
	})
	return found
}

// each calls f for the nodes of the round that the function itself runs.
func (r *round) each(f func(ast.Node)) {
	ast.Inspect(r.body, func(n ast.Node) bool {
		if _, closure := n.(*ast.FuncLit); closure {
			return false
		}
		if n != nil {
			f(n)
		}
		return true
	})
}

// escapes reports whether something may use v after the round, since v is no
// variable of the round's, or since the round hands it on: to a closure, a
// goroutine, a variable that it is assigned to, a thing that is started with
// it. Where strict, whatever is more than a number, a text or an error counts
// as such a thing. What a return takes along, it takes at the function's end.
func (r *round) escapes(v *types.Var, strict bool) bool {
	if !r.within(v) {
		return true
	}
	out := false
	ast.Inspect(r.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.DeferStmt:
			out = out || n != r.stmt && r.names(n, v)
			return false
		case *ast.ReturnStmt:
			return false
		case *ast.FuncLit, *ast.GoStmt, *ast.CompositeLit, *ast.SendStmt:
			out = out || r.names(n, v)
		case *ast.UnaryExpr:
			out = out || n.Op == token.AND && code.Var(r.TypesInfo, n.X) == v
		case *ast.AssignStmt:
			for _, right := range n.Rhs {
				out = out || code.Var(r.TypesInfo, right) == v
			}
		case *ast.CallExpr:
			out = out || r.names(n, v) && (startsSomething(n) || strict && r.yields(n))
		}
		return !out
	})
	return out
}

// yields reports whether the call has a result that may go on using what it
// was called with.
func (r *round) yields(call *ast.CallExpr) bool {
	results := types.NewTuple(types.NewVar(token.NoPos, nil, "", r.TypesInfo.TypeOf(call)))
	if tuple, ok := r.TypesInfo.TypeOf(call).(*types.Tuple); ok {
		results = tuple
	}
	for v := range results.Variables() {
		_, basic := v.Type().Underlying().(*types.Basic)
		if !basic && !types.Identical(v.Type(), types.Universe.Lookup("error").Type()) {
			return true
		}
	}
	return false
}

func (r *round) names(n ast.Node, v *types.Var) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && r.TypesInfo.Uses[id] == types.Object(v)
		return !found
	})
	return found
}

// lasting are the words, in small letters, with which the names of functions
// begin that start something which lives on.
var lasting = []string{"append", "begin", "create", "go", "launch", "listen", "new", "open", "register", "run",
	"serve", "setup", "spawn", "start", "stream", "subscribe", "watch"}

func startsSomething(call *ast.CallExpr) bool {
	name := ""
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	name = strings.ToLower(name)
	return slices.ContainsFunc(lasting, func(word string) bool { return strings.HasPrefix(name, word) })
}
