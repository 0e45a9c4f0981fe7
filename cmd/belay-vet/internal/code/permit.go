package code

// This file finds the calls that take permits, and what gives them back.

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Permits is the package that has what Take returns.
var Permits = []string{"github.com/belay-go/belay/limiter"}

// Acquired is a call that takes permits, or a send that takes a slot of a
// channel that serves as a semaphore; the latter has no Call.
type Acquired struct {
	Outcome
	Cur  inspector.Cursor // of the call, or of the send
	From ast.Expr         // the semaphore

	// Takes says that the call returns the permit, as Take does; Permit is the
	// variable it went to, nil if it was discarded.
	Takes  bool
	Permit *types.Var

	// Tries says that the result is a bool.
	Tries bool
}

// Acquisitions returns the calls that take permits and whose outcome is taken
// up by the statement around: a variable, a condition, or nothing at all. A
// call whose result goes elsewhere is somebody else's to answer for.
func Acquisitions(root inspector.Cursor, info *types.Info) (found []Acquired) {
	for cur := range root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		from := Receiver(call)
		if from == nil {
			continue
		}
		a := Acquired{Outcome: Outcome{Info: info, Call: call}, Cur: cur, From: from}
		switch {
		case Calls(info, call, Semaphore, "Weighted.Acquire"):
		case Calls(info, call, Semaphore, "Weighted.TryAcquire"):
			a.Tries = true
		case takes(info, call):
			a.Takes = true
		default:
			continue
		}
		if a.takenUp() {
			found = append(found, a)
		}
	}
	return found
}

func takes(info *types.Info, call *ast.CallExpr) bool {
	f := Callee(info, call)
	if f == nil || f.Name() != "Take" && f.Name() != "TryTake" {
		return false
	}
	results := f.Signature().Results()
	return results.Len() == 2 && IsNamed(results.At(0).Type(), Permits, "Permit")
}

// takenUp notes where the results go.
func (a *Acquired) takenUp() bool {
	var names []ast.Expr
	parent := a.Cur.Parent()
	switch s := parent.Node().(type) {
	case *ast.ExprStmt:
		return true
	case *ast.AssignStmt:
		if len(s.Rhs) != 1 {
			return false
		}
		names = s.Lhs
	case *ast.ValueSpec:
		if len(s.Values) != 1 {
			return false
		}
		for _, name := range s.Names {
			names = append(names, name)
		}
	default:
		return !a.Takes && a.decides()
	}
	vars := make([]*types.Var, len(names))
	for i, name := range names {
		id, ok := name.(*ast.Ident)
		if !ok {
			return false // a field: who knows who looks at it
		}
		if id.Name != "_" {
			vars[i], _ = a.Info.ObjectOf(id).(*types.Var)
		}
	}
	a.Var = vars[len(vars)-1]
	if a.Takes && len(vars) == 2 {
		a.Permit = vars[0]
	}
	return true
}

// decides reports whether the call is part of the condition of an if or a for.
func (a *Acquired) decides() bool {
	child := a.Cur.Node()
	for cur := range a.Cur.Parent().Enclosing() {
		switch n := cur.Node().(type) {
		case *ast.ParenExpr, *ast.UnaryExpr, *ast.BinaryExpr:
			child = n
			continue
		case *ast.IfStmt:
			return n.Cond == child
		case *ast.ForStmt:
			return n.Cond == child
		}
		return false
	}
	return false
}

// Sends returns the plain sends that take a slot of a channel, those outside of
// a select.
func Sends(root inspector.Cursor, info *types.Info) (found []Acquired) {
	for cur := range root.Preorder((*ast.SendStmt)(nil)) {
		send := cur.Node().(*ast.SendStmt)
		if cur.ParentEdgeKind() != edge.CommClause_Comm && IsSlots(info.TypeOf(send.Chan)) {
			found = append(found, Acquired{Outcome: Outcome{Info: info}, Cur: cur, From: send.Chan})
		}
	}
	return found
}

// Releases reports whether the node gives permits back to the semaphore, or, of
// a permit, whether it gives that back. It looks into closures too.
func (a *Acquired) Releases(n ast.Node) bool {
	return Has(n, a.Release)
}

// Release reports whether it is this node that gives the permits back.
func (a *Acquired) Release(n ast.Node) bool {
	if a.Call == nil {
		recv, ok := n.(*ast.UnaryExpr)
		return ok && recv.Op == token.ARROW && SamePlace(a.Info, recv.X, a.From)
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	from := Receiver(call)
	if from == nil {
		return false
	}
	if a.Takes {
		return a.Permit != nil && Calls(a.Info, call, Permits, "Permit.Release") && Var(a.Info, from) == a.Permit
	}
	return Calls(a.Info, call, Semaphore, "Weighted.Release") && SamePlace(a.Info, from, a.From)
}

// Acquires reports whether the node takes from the same semaphore.
func (a *Acquired) Acquires(n ast.Node) bool {
	return Has(n, func(m ast.Node) bool {
		call, ok := m.(*ast.CallExpr)
		return ok && Calls(a.Info, call, Semaphore, "Weighted.Acquire", "Weighted.TryAcquire") && SamePlace(a.Info, Receiver(call), a.From)
	})
}

// Passes reports whether the node does anything with the semaphore, or with the
// permit, but call a method: hand it on, keep it, take a method's value. Then
// somebody else may release.
func (a *Acquired) Passes(n ast.Node) bool {
	same := func(e ast.Expr) bool {
		if a.Takes {
			id, ok := ast.Unparen(e).(*ast.Ident)
			return ok && a.Permit != nil && a.Info.Uses[id] == types.Object(a.Permit)
		}
		return SamePlace(a.Info, e, a.From)
	}
	var called []ast.Expr
	return Has(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.CallExpr:
			if from := Receiver(m); from != nil && same(from) {
				called = append(called, from)
			}
		case *ast.SendStmt:
			called = append(called, m.Chan)
		case *ast.UnaryExpr:
			if m.Op == token.ARROW {
				called = append(called, m.X)
			}
		case *ast.AssignStmt:
			// What is assigned to is no use of it.
			if m.Tok == token.ASSIGN || m.Tok == token.DEFINE {
				called = append(called, m.Lhs...)
			}
		case ast.Expr:
			return same(m) && !slices.Contains(called, m) && !isNilCheck(a.Info, n, m)
		}
		return false
	})
}

// isNilCheck reports whether e stands in n only to be compared with nil.
func isNilCheck(info *types.Info, n ast.Node, e ast.Expr) bool {
	return Has(n, func(m ast.Node) bool {
		b, ok := m.(*ast.BinaryExpr)
		return ok && (b.X == e && isNil(info, b.Y) || b.Y == e && isNil(info, b.X))
	})
}

// Releasers returns the package's functions that give back permits of any
// semaphore or slot of a channel, themselves or by calling another of them.
func Releasers(root inspector.Cursor, info *types.Info) map[*types.Func]bool {
	found := map[*types.Func]bool{}
	for grown := true; grown; {
		grown = false
		for cur := range root.Preorder((*ast.FuncDecl)(nil)) {
			decl := cur.Node().(*ast.FuncDecl)
			f, ok := info.Defs[decl.Name].(*types.Func)
			if !ok || found[f] || decl.Body == nil {
				continue
			}
			if Has(decl.Body, func(m ast.Node) bool { return releasesAny(info, m, found) }) {
				found[f], grown = true, true
			}
		}
	}
	return found
}

func releasesAny(info *types.Info, n ast.Node, known map[*types.Func]bool) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		return Calls(info, n, Semaphore, "Weighted.Release") || Calls(info, n, Permits, "Permit.Release")
	case *ast.UnaryExpr:
		return n.Op == token.ARROW && IsSlots(info.TypeOf(n.X))
	case *ast.Ident:
		f, ok := info.Uses[n].(*types.Func)
		return ok && known[f.Origin()]
	}
	return false
}

// IsSlots reports whether t is a channel of empty structs, as one that serves
// as a semaphore mostly is.
func IsSlots(t types.Type) bool {
	if t == nil {
		return false
	}
	c, ok := t.Underlying().(*types.Chan)
	if !ok {
		return false
	}
	s, ok := c.Elem().Underlying().(*types.Struct)
	return ok && s.NumFields() == 0
}
