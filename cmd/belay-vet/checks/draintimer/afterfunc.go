package draintimer

// The timers of time.AfterFunc have no channel, in every version.

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// nilChannels looks at receives from the channel of a timer that only
// time.AfterFunc makes.
func (c *checker) nilChannels() {
	made := c.afterFuncs()
	if len(made) == 0 {
		return
	}
	for cur := range c.Root.Preorder((*ast.UnaryExpr)(nil)) {
		recv := cur.Node().(*ast.UnaryExpr)
		if recv.Op != token.ARROW {
			continue
		}
		timer := code.TimerOf(c.TypesInfo, recv.X)
		if !made[code.Var(c.TypesInfo, timer)] {
			continue
		}
		at, message := ast.Node(recv), nilReceive
		if stmt, ok := cur.Parent().Node().(*ast.ExprStmt); ok {
			at = stmt
		}
		for outer := range cur.Enclosing((*ast.CommClause)(nil)) {
			clause := outer.Node().(*ast.CommClause)
			if clause.Comm != nil && code.Received(clause.Comm) == recv.X {
				message = nilCase
				c.done = append(c.done, outer.Parent().Parent().Node())
			}
			break
		}
		c.report(at, message, nil)
	}
}

// afterFuncs returns the variables and the package's own fields that are only
// ever set to what time.AfterFunc returns, or to nil.
func (c *checker) afterFuncs() map[*types.Var]bool {
	made, other := map[*types.Var]bool{}, map[*types.Var]bool{}
	set := func(v *types.Var, value ast.Expr) {
		call, ok := value.(*ast.CallExpr)
		switch {
		case v == nil:
		case ok && code.CallsStd(c.TypesInfo, call, "time", "AfterFunc"):
			made[v] = true
		case value == nil || !c.TypesInfo.Types[value].IsNil():
			other[v] = true
		}
	}
	for cur := range c.Root.Preorder((*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.CompositeLit)(nil), (*ast.UnaryExpr)(nil), (*ast.RangeStmt)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				set(code.Var(c.TypesInfo, left), valueAt(n.Rhs, i, len(n.Lhs)))
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if len(n.Values) > 0 {
					set(code.Var(c.TypesInfo, name), valueAt(n.Values, i, len(n.Names)))
				}
			}
		case *ast.CompositeLit:
			c.literal(n, set)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				set(code.Var(c.TypesInfo, n.X), nil) // whoever has the address may set it
			}
		case *ast.RangeStmt:
			if n.Value != nil {
				set(code.Var(c.TypesInfo, n.Value), nil)
			}
		}
	}
	for v := range made {
		if other[v] || v.Exported() {
			delete(made, v)
		}
	}
	return made
}

// literal calls set for the fields that a struct's literal sets.
func (c *checker) literal(lit *ast.CompositeLit, set func(*types.Var, ast.Expr)) {
	typ := c.TypesInfo.TypeOf(lit)
	if typ == nil {
		return
	}
	t, ok := typ.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, elt := range lit.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			set(code.Var(c.TypesInfo, kv.Key), kv.Value)
		} else if i < t.NumFields() {
			set(t.Field(i), elt)
		}
	}
}

// valueAt returns the i-th of n values, nil if one call has them all.
func valueAt(values []ast.Expr, i, n int) ast.Expr {
	if len(values) != n {
		return nil
	}
	return ast.Unparen(values[i])
}
