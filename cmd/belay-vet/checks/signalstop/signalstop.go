// Package signalstop finds signals that stay caught when nobody waits for them
// any more.
package signalstop

import (
	_ "embed"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports registrations for signals that outlive their function.
var Analyzer = check.New("signalstop", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		notifies := code.CallsStd(pass.TypesInfo, call, "os/signal", "Notify") && len(call.Args) > 0
		derives := code.CallsStd(pass.TypesInfo, call, "os/signal", "NotifyContext")
		if !notifies && !derives || code.IsTest(pass.Fset.Position(call.Pos()).Filename) {
			continue
		}
		fn, ok := code.FuncAround(cur)
		if !ok || program(pass, fn) {
			continue
		}
		switch {
		case derives && dropped(cur):
			pass.Reportf(call.Pos(), "the stop function is dropped, so each call leaves its signals caught for as long as the process lives: keep it, and defer it")
		case notifies && left(pass, fn, call) && !elsewhere(pass, call):
			pass.Reportf(call.Pos(), "the channel goes with the function and the registration stays, so that from then on these signals do nothing: defer signal.Stop for the channel")
		}
	}
}

// program reports whether the function, or one around it, is where the
// program lives: main, init, TestMain, or what main itself calls in its own
// package. The registration ends with the process there.
func program(pass *check.Pass, fn inspector.Cursor) bool {
	for outer := range fn.Enclosing((*ast.FuncDecl)(nil)) {
		decl := outer.Node().(*ast.FuncDecl)
		if decl.Recv == nil && (decl.Name.Name == "init" || decl.Name.Name == "TestMain" || decl.Name.Name == "main") {
			return true
		}
		return pass.Pkg.Name() == "main" && calledByMain(pass, pass.TypesInfo.Defs[decl.Name])
	}
	return true // a variable of the package has it: once per process
}

func calledByMain(pass *check.Pass, f types.Object) bool {
	for cur := range pass.Root.Preorder((*ast.FuncDecl)(nil)) {
		decl := cur.Node().(*ast.FuncDecl)
		if decl.Recv == nil && (decl.Name.Name == "main" || decl.Name.Name == "init") && code.Has(decl, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			return ok && pass.TypesInfo.Uses[id] == f
		}) {
			return true
		}
	}
	return false
}

// dropped reports whether the stop function goes to the blank identifier.
func dropped(call inspector.Cursor) bool {
	var name ast.Expr
	switch s := call.Parent().Node().(type) {
	case *ast.AssignStmt:
		if len(s.Lhs) == 2 && call.ParentEdgeKind() == edge.AssignStmt_Rhs {
			name = s.Lhs[1]
		}
	case *ast.ValueSpec:
		if len(s.Names) == 2 {
			name = s.Names[1]
		}
	}
	id, ok := name.(*ast.Ident)
	return ok && id.Name == "_"
}

// left reports whether the channel is one that the function makes, reads
// itself, and gives to nobody, not even to signal.Stop, before it returns. A
// channel that a goroutine reads may be there for the whole process.
func left(pass *check.Pass, fn inspector.Cursor, call *ast.CallExpr) bool {
	id, ok := ast.Unparen(call.Args[0]).(*ast.Ident)
	_, body := code.FuncParts(fn.Node())
	flow := code.GraphOf(pass.Pass, fn.Node())
	if !ok || body == nil || flow == nil {
		return false
	}
	v, ok := pass.TypesInfo.ObjectOf(id).(*types.Var)
	if !ok || v.Pos() < body.Pos() || v.Pos() > body.End() || ends(pass, body) {
		return false
	}
	read := false
	for use := range fn.Preorder((*ast.Ident)(nil)) {
		if pass.TypesInfo.Uses[use.Node().(*ast.Ident)] != types.Object(v) || use.Node() == ast.Node(id) {
			continue
		}
		home, _ := code.FuncAround(use)
		recv, ok := use.Parent().Node().(*ast.UnaryExpr)
		if home != fn || !ok || recv.Op.String() != "<-" {
			return false
		}
		read = true
	}
	walk := code.Walk{Covers: func(ast.Node) bool { return false }}
	return read && walk.Escape(flow, call) != nil
}

// ends reports whether the function ends the process, or raises the signal
// again, itself or in a goroutine of its.
func ends(pass *check.Pass, body *ast.BlockStmt) bool {
	return code.Has(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			switch sel.Sel.Name {
			case "Exit", "Fatal", "Fatalf", "Fatalln", "Kill", "Reset", "Ignore", "Exec":
				return true
			}
		}
		return false
	})
}
