package code

// This file knows the timers of package time, and which of their two
// behaviours a package can count on. Since Go 1.23 a timer that nobody refers
// to is collected even if it was never stopped, and its channel holds no value
// from before a Stop or a Reset. A program has that if the module of its main
// package says go 1.23 or later, which is never less than what the modules
// say that it is built from: so the version that counts is the module's, not
// the one that a build constraint gives to a file.

import (
	"go/ast"
	"go/types"
	"go/version"
	"strings"
)

// TimersSince123 reports whether the timers of each program with this package
// have the behaviour of Go 1.23. Where no version is known they have.
func TimersSince123(pkg *types.Package, files []*ast.File) bool {
	if v := pkg.GoVersion(); version.IsValid(v) && version.Compare(v, "go1.23") < 0 {
		return false
	}
	for _, file := range files {
		for _, group := range file.Comments {
			if group.Pos() >= file.Package {
				break
			}
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:debug asynctimerchan=") || strings.HasPrefix(c.Text, "//go:debug default=") {
					return false
				}
			}
		}
	}
	return true
}

// Received returns what the statement receives from: x in <-x, v := <-x and
// the like; nil if it does something else.
func Received(stmt ast.Stmt) ast.Expr {
	var e ast.Expr
	switch stmt := stmt.(type) {
	case *ast.ExprStmt:
		e = stmt.X
	case *ast.AssignStmt:
		if len(stmt.Rhs) == 1 {
			e = stmt.Rhs[0]
		}
	}
	if e == nil {
		return nil
	}
	if recv, ok := ast.Unparen(e).(*ast.UnaryExpr); ok && recv.Op.String() == "<-" {
		return recv.X
	}
	return nil
}

// TimerOf returns t of t.C, a *time.Timer or a *time.Ticker; nil for others.
func TimerOf(info *types.Info, e ast.Expr) ast.Expr {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "C" {
		return nil
	}
	if t := info.TypeOf(sel.X); t != nil && (IsNamed(t, []string{"time"}, "Timer") || IsNamed(t, []string{"time"}, "Ticker")) {
		return sel.X
	}
	return nil
}
