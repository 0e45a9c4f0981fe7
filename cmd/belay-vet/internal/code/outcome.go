package code

// This file reads conditions: what do they come to if a call has failed?

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Verdict is what a condition comes to if the call has failed.
type Verdict int

const (
	Silent  Verdict = iota // it has nothing to do with the call
	Holds                  // it is true
	Fails                  // it is false
	Unclear                // it has to do with the call, and that is all to say
)

// Outcome is how a function learns whether a call failed: by an error, or by a
// bool that is false then.
type Outcome struct {
	Info *types.Info
	Call *ast.CallExpr
	Var  *types.Var // that the result went to; nil if it went to none
}

// IfFailed returns what the condition comes to if the call has failed.
func (o Outcome) IfFailed(cond ast.Expr) Verdict {
	switch e := ast.Unparen(cond).(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return o.IfFailed(e.X).not()
		}
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND:
			return both(o.IfFailed(e.X), o.IfFailed(e.Y))
		case token.LOR:
			return both(o.IfFailed(e.X).not(), o.IfFailed(e.Y).not()).not()
		case token.EQL, token.NEQ:
			if o.is(e.X) && isNil(o.Info, e.Y) || o.is(e.Y) && isNil(o.Info, e.X) {
				if e.Op == token.NEQ {
					return Holds
				}
				return Fails
			}
		}
	default:
		if o.is(e) && types.Identical(o.Info.TypeOf(e).Underlying(), types.Typ[types.Bool]) {
			return Fails
		}
	}
	if o.About(cond) {
		return Unclear
	}
	return Silent
}

// About reports whether the node holds the call or names its result.
func (o Outcome) About(n ast.Node) bool {
	return Has(n, func(m ast.Node) bool { return m == ast.Node(o.Call) }) || Uses(o.Info, n, o.Var)
}

func (o Outcome) is(e ast.Expr) bool {
	e = ast.Unparen(e)
	if e == ast.Expr(o.Call) {
		return true
	}
	id, ok := e.(*ast.Ident)
	return ok && o.Var != nil && o.Info.ObjectOf(id) == types.Object(o.Var)
}

func isNil(info *types.Info, e ast.Expr) bool { return info.Types[e].IsNil() }

func (v Verdict) not() Verdict {
	switch v {
	case Holds:
		return Fails
	case Fails:
		return Holds
	}
	return v
}

// both is a && b.
func both(a, b Verdict) Verdict {
	switch {
	case a == Fails || b == Fails:
		return Fails
	case a == b:
		return a
	}
	return Unclear
}
