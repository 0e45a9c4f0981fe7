package signalstop

// This file knows the signals that the package catches in another place, for
// good: giving back one of two registrations changes nothing.

import (
	"go/ast"

	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// elsewhere reports whether another Notify of the package catches all signals
// of the call, with a channel that stays. Which signals a slice has is not
// known: it may have them all.
func elsewhere(pass *check.Pass, call *ast.CallExpr) bool {
	caught := map[string]bool{}
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		other := cur.Node().(*ast.CallExpr)
		if other == call || !stays(pass, cur, other) {
			continue
		}
		if len(other.Args) == 1 || other.Ellipsis.IsValid() {
			return true
		}
		for _, arg := range other.Args[1:] {
			caught[signalName(arg)] = true
		}
	}
	if len(call.Args) == 1 || call.Ellipsis.IsValid() {
		return false
	}
	for _, arg := range call.Args[1:] {
		if name := signalName(arg); name == "" || !caught[name] {
			return false
		}
	}
	return true
}

// stays reports whether the call registers a channel that nobody takes out of
// the registration, and that doesn't go with its function either.
func stays(pass *check.Pass, cur inspector.Cursor, call *ast.CallExpr) bool {
	if !code.CallsStd(pass.TypesInfo, call, "os/signal", "Notify") || len(call.Args) == 0 || code.IsTest(pass.Fset.Position(call.Pos()).Filename) {
		return false
	}
	fn, ok := code.FuncAround(cur)
	if !ok || left(pass, fn, call) {
		return false
	}
	channel := code.Var(pass.TypesInfo, call.Args[0])
	if channel == nil {
		return false
	}
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		stop := cur.Node().(*ast.CallExpr)
		if code.CallsStd(pass.TypesInfo, stop, "os/signal", "Stop") && code.Var(pass.TypesInfo, stop.Args[0]) == channel {
			return false
		}
	}
	return true
}

// signalName returns the name by which a signal goes in every package that has
// it, or "".
func signalName(e ast.Expr) string {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	switch {
	case !ok:
		return ""
	case sel.Sel.Name == "Interrupt":
		return "SIGINT"
	default:
		return sel.Sel.Name
	}
}
