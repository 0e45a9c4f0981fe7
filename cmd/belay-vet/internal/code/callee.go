// Package code answers the questions that several checks ask about a program:
// which function this call calls, what type that is, which paths lead past a
// call, and whether a context is at hand.
package code

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// The packages of each family: the original, and ours.
var (
	Errgroup  = []string{"golang.org/x/sync/errgroup", "github.com/belay-go/belay/errgroup"}
	Semaphore = []string{"golang.org/x/sync/semaphore", "github.com/belay-go/belay/limiter/semaphore"}
	Rate      = []string{"golang.org/x/time/rate", "github.com/belay-go/belay/limiter/rate"}
)

// Callee returns the function or method that call calls, be it declared by a
// type or by an interface; nil for a func value, a conversion, a builtin.
func Callee(info *types.Info, call *ast.CallExpr) *types.Func {
	f, _ := typeutil.Callee(info, call).(*types.Func)
	return f
}

// Calls reports whether call calls one of the names in one of the packages. A
// name is that of a function, "After", or of a type and its method,
// "Group.Wait"; the latter holds for the receiver's pointer too.
func Calls(info *types.Info, call *ast.CallExpr, packages []string, names ...string) bool {
	f := Callee(info, call)
	return f != nil && f.Pkg() != nil && slices.Contains(packages, f.Pkg().Path()) && slices.Contains(names, nameOf(f))
}

// CallsStd is Calls for one package.
func CallsStd(info *types.Info, call *ast.CallExpr, path string, names ...string) bool {
	return Calls(info, call, []string{path}, names...)
}

func nameOf(f *types.Func) string {
	recv := f.Signature().Recv()
	if recv == nil {
		return f.Name()
	}
	if named := Named(recv.Type()); named != nil {
		return named.Obj().Name() + "." + f.Name()
	}
	return "." + f.Name() // of an interface without a name
}

// Named returns the named type that t is, or points to; nil if there is none.
func Named(t types.Type) *types.Named {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	named, _ := types.Unalias(t).(*types.Named)
	return named
}

// IsNamed reports whether t is, or points to, the type of that name in one of
// the packages.
func IsNamed(t types.Type, packages []string, name string) bool {
	named := Named(t)
	return named != nil && named.Obj().Pkg() != nil &&
		slices.Contains(packages, named.Obj().Pkg().Path()) && named.Obj().Name() == name
}

// IsContext reports whether t is context.Context.
func IsContext(t types.Type) bool {
	_, pointer := types.Unalias(t).(*types.Pointer)
	return !pointer && IsNamed(t, []string{"context"}, "Context")
}

// Receiver returns x of the call x.f(...), nil for others.
func Receiver(call *ast.CallExpr) ast.Expr {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		return sel.X
	}
	return nil
}

// Var returns the variable that e names, be it local, a parameter, one of the
// package, or a field; nil for others. Parentheses and & are seen through.
func Var(info *types.Info, e ast.Expr) *types.Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ := info.ObjectOf(e).(*types.Var)
		return v
	case *ast.SelectorExpr:
		v, _ := info.ObjectOf(e.Sel).(*types.Var)
		return v
	case *ast.UnaryExpr:
		if e.Op.String() == "&" {
			return Var(info, e.X)
		}
	}
	return nil
}

// IsTest reports whether the file is one that go test alone compiles.
func IsTest(filename string) bool { return strings.HasSuffix(filename, "_test.go") }
