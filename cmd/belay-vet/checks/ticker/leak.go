package ticker

// What leaks before Go 1.23: a ticker that nobody stops stays with the
// runtime, and goes on ticking, for as long as the process lives.

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

func leaks(pass *check.Pass, known map[*types.Var]*calls) {
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		if code.IsTest(pass.Fset.File(call.Pos()).Name()) {
			continue
		}
		switch {
		case code.CallsStd(pass.TypesInfo, call, "time", "Tick"):
			if often(pass.TypesInfo, cur) && returns(pass, cur) {
				pass.Reportf(call.Pos(), "before Go 1.23 the ticker of time.Tick is never collected, and each call leaves one more: use time.NewTicker and Stop")
			}
		case code.CallsStd(pass.TypesInfo, call, "time", "NewTicker"):
			v := variable(pass.TypesInfo, cur)
			if v != nil && known[v] == nil && !used(pass, v) && returns(pass, cur) {
				pass.Reportf(call.Pos(), "nobody stops this ticker, and before Go 1.23 it is never collected: it ticks on after the function's end; defer %s.Stop()", v.Name())
			}
		}
	}
}

// returns reports whether the function may come to its end after cur. That of
// main is the end of the process.
func returns(pass *check.Pass, cur inspector.Cursor) bool {
	fn, ok := code.FuncAround(cur)
	if !ok {
		return false
	}
	if decl, ok := fn.Node().(*ast.FuncDecl); ok && decl.Recv == nil && pass.Pkg.Name() == "main" && decl.Name.Name == "main" {
		return false
	}
	never := func(ast.Node) bool { return false }
	return code.Walk{Covers: never}.Escape(code.GraphOf(pass.Pass, fn.Node()), cur.Node()) != nil
}

// often reports whether the call is surely made many times: in a loop, in a
// function that is started in one, or for each request.
func often(info *types.Info, cur inspector.Cursor) bool {
	for {
		if loop, ok := code.LoopAround(cur); ok && !code.FewRounds(info, loop.Node()) {
			return true
		}
		fn, ok := code.FuncAround(cur)
		if !ok {
			return false
		}
		typ, _ := code.FuncParts(fn.Node())
		for _, field := range typ.Params.List {
			if code.IsNamed(info.TypeOf(field.Type), []string{"net/http"}, "Request") {
				return true
			}
		}
		if _, ok := fn.Node().(*ast.FuncDecl); ok {
			return false
		}
		cur = fn
	}
}

// variable returns the local variable that the call's result goes to.
func variable(info *types.Info, cur inspector.Cursor) *types.Var {
	assign, ok := cur.Parent().Node().(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 {
		return nil
	}
	id, ok := assign.Lhs[0].(*ast.Ident)
	if !ok {
		return nil
	}
	v, _ := info.Defs[id].(*types.Var)
	return v
}

// used reports whether the ticker is used for anything but its channel, so that
// somebody else may stop it, or for a loop that never ends.
func used(pass *check.Pass, v *types.Var) bool {
	for cur := range pass.Root.Preorder((*ast.Ident)(nil)) {
		if pass.TypesInfo.Uses[cur.Node().(*ast.Ident)] != types.Object(v) {
			continue
		}
		if sel, ok := cur.Parent().Node().(*ast.SelectorExpr); !ok || sel.Sel.Name != "C" {
			return true
		}
		if loop, ok := cur.Parent().Parent().Node().(*ast.RangeStmt); ok && !leaves(loop.Body) {
			return true
		}
	}
	return false
}
