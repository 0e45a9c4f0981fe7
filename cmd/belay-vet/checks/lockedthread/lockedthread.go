// Package lockedthread finds tasks of a group that lock their thread and never
// unlock it.
package lockedthread

import (
	_ "embed"
	"go/ast"
	"go/constant"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports the LockOSThread of tasks that have no UnlockOSThread.
var Analyzer = check.New("lockedthread", page, run)

func run(pass *check.Pass) {
	info := pass.TypesInfo
	fresh := freshGroups(pass)
	reported := map[*ast.CallExpr]bool{}
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		if !code.Calls(info, call, code.Errgroup, "Group.Go", "Group.TryGo", "Group.GoContext") || len(call.Args) == 0 {
			continue
		}
		if v := code.Var(info, code.Receiver(call)); v != nil && fresh[v] {
			continue
		}
		lock := locks(info, body(pass, cur, call.Args[len(call.Args)-1]))
		if lock != nil && !reported[lock] {
			reported[lock] = true
			pass.Reportf(lock.Pos(), "the task never unlocks its thread: with a goroutine of its own the thread ends with it,"+
				" but a group that shares its workers runs later tasks on it; unlock it, or lock it in a goroutine that the task starts")
		}
	}
}

// body returns the body of a task that is a function literal, a local variable
// that holds one, or a function of the package.
func body(pass *check.Pass, call inspector.Cursor, task ast.Expr) *ast.BlockStmt {
	info := pass.TypesInfo
	switch task := ast.Unparen(task).(type) {
	case *ast.FuncLit:
		return task.Body
	case *ast.Ident:
		switch obj := info.Uses[task].(type) {
		case *types.Var:
			for fn := range call.Enclosing((*ast.FuncDecl)(nil)) {
				if lit := code.LitOf(fn, info, obj); lit != nil {
					return lit.Body
				}
			}
		case *types.Func:
			return declared(pass, obj)
		}
	case *ast.SelectorExpr:
		if f, ok := info.Uses[task.Sel].(*types.Func); ok {
			return declared(pass, f)
		}
	}
	return nil
}

func declared(pass *check.Pass, f *types.Func) *ast.BlockStmt {
	for _, file := range pass.Files {
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && pass.TypesInfo.Defs[fn.Name] == f.Origin() {
				return fn.Body
			}
		}
	}
	return nil
}

// locks returns the call by which the body itself locks its thread, if nothing
// in it unlocks it.
func locks(info *types.Info, body *ast.BlockStmt) *ast.CallExpr {
	if body == nil {
		return nil
	}
	var lock *ast.CallExpr
	code.Direct(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && lock == nil && code.CallsStd(info, call, "runtime", "LockOSThread") {
			lock = call
		}
		return true
	})
	ast.Inspect(body, func(n ast.Node) bool {
		// Its use as a value counts: somebody may call it.
		if id, ok := n.(*ast.Ident); ok && id.Name == "UnlockOSThread" {
			lock = nil
		}
		return lock != nil
	})
	return lock
}

// freshGroups returns the variables whose group is made to run every task on a
// goroutine of its own, or may be.
func freshGroups(pass *check.Pass) map[*types.Var]bool {
	fresh := map[*types.Var]bool{}
	for _, g := range code.Groups(pass.Root, pass.TypesInfo, code.Errgroup, "Group") {
		if g.Make == nil || len(g.Make.Args) != 2 {
			continue
		}
		ast.Inspect(g.Make.Args[1], func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, ok := kv.Key.(*ast.Ident)
			v := pass.TypesInfo.Types[kv.Value].Value
			if ok && key.Name == "FreshGoroutines" && (v == nil || constant.BoolVal(v)) {
				fresh[g.Var] = true
			}
			return true
		})
	}
	return fresh
}
