package draintimer

// The shapes of a drain: what it is, and what decides that it is reached.

import (
	"go/ast"
	"go/token"
	"go/types"

	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// drain is a statement that takes a value out of a timer's channel.
type drain struct {
	stmt  ast.Stmt
	timer ast.Expr
	waits bool // <-t.C; else a select with a default
	plain bool // it does nothing with the value
}

func (c *checker) drainOf(stmt ast.Stmt) *drain {
	if x := code.Received(stmt); x != nil {
		if timer := code.TimerOf(c.TypesInfo, x); timer != nil {
			_, plain := stmt.(*ast.ExprStmt)
			return &drain{stmt, timer, true, plain}
		}
	}
	choice, ok := stmt.(*ast.SelectStmt)
	if !ok || len(choice.Body.List) != 2 {
		return nil
	}
	d, hasDefault := &drain{stmt: stmt, plain: true}, false
	for _, clause := range choice.Body.List {
		clause := clause.(*ast.CommClause)
		d.plain = d.plain && len(clause.Body) == 0
		if clause.Comm == nil {
			hasDefault = true
		} else if x := code.Received(clause.Comm); x != nil {
			d.timer = code.TimerOf(c.TypesInfo, x)
		}
	}
	if !hasDefault || d.timer == nil {
		return nil
	}
	return d
}

// verdict is a call of Stop or Reset that said no.
type verdict struct {
	call  *ast.CallExpr
	timer ast.Expr
	reset bool
}

// condition returns the call if the condition holds only when it says no, and
// whether there is more to the condition than that.
func (c *checker) condition(init ast.Stmt, cond ast.Expr) (v *verdict, rest bool) {
	cond = ast.Unparen(cond)
	if both, ok := cond.(*ast.BinaryExpr); ok && both.Op == token.LAND {
		if v, _ := c.condition(init, both.X); v != nil {
			return v, true
		}
		v, _ := c.condition(init, both.Y)
		return v, true
	}
	not, ok := cond.(*ast.UnaryExpr)
	if !ok || not.Op != token.NOT {
		return nil, false
	}
	if call, ok := ast.Unparen(not.X).(*ast.CallExpr); ok {
		for _, name := range []string{"Stop", "Reset"} {
			if timer := c.timerMethod(call, name); timer != nil {
				return &verdict{call, timer, name == "Reset"}, false
			}
		}
		return nil, false
	}
	if init == nil || !c.refuses(init, cond) {
		return nil, false
	}
	call, ok := callOf(init)
	if !ok {
		return nil, false
	}
	if timer := c.timerMethod(call, "Stop"); timer != nil {
		return &verdict{call, timer, false}, false
	}
	return nil, false
}

// refuses reports whether the condition is !x, where the statement is x := f().
func (c *checker) refuses(stmt ast.Stmt, cond ast.Expr) bool {
	assign, ok := stmt.(*ast.AssignStmt)
	not, isNot := ast.Unparen(cond).(*ast.UnaryExpr)
	if !ok || !isNot || not.Op != token.NOT || len(assign.Lhs) != 1 {
		return false
	}
	x := code.Var(c.TypesInfo, not.X)
	return x != nil && x == code.Var(c.TypesInfo, assign.Lhs[0])
}

// callOf returns f() of the statements f() and x := f().
func callOf(stmt ast.Stmt) (*ast.CallExpr, bool) {
	var e ast.Expr
	switch stmt := stmt.(type) {
	case *ast.ExprStmt:
		e = stmt.X
	case *ast.AssignStmt:
		if len(stmt.Rhs) == 1 {
			e = stmt.Rhs[0]
		}
	}
	call, ok := e.(*ast.CallExpr)
	return call, ok
}

// timerMethod returns t of t.Stop() or t.Reset(d), a timer or ticker itself
// and no type that embeds one.
func (c *checker) timerMethod(call *ast.CallExpr, name string) ast.Expr {
	if !code.CallsStd(c.TypesInfo, call, "time", "Timer."+name, "Ticker."+name) {
		return nil
	}
	x := code.Receiver(call)
	if x == nil {
		return nil
	}
	if t := c.TypesInfo.TypeOf(x); code.IsNamed(t, []string{"time"}, "Timer") || code.IsNamed(t, []string{"time"}, "Ticker") {
		return x
	}
	return nil
}

// same reports whether both name one timer: the same variable, or the same
// field of the same variables.
func (c *checker) same(a, b ast.Expr) bool {
	v := code.Var(c.TypesInfo, a)
	return v != nil && v == code.Var(c.TypesInfo, b) && types.ExprString(a) == types.ExprString(b)
}
