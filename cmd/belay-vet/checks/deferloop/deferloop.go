// Package deferloop finds the defer in a loop that was meant for the round and
// runs at the function's end.
package deferloop

import (
	_ "embed"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a deferred cancel, Stop, Release or Unlock in a loop.
var Analyzer = check.New("deferloop", page, run, ctrlflow.Analyzer)

// round is a defer in a loop that may be reached again.
type round struct {
	*check.Pass
	loop  ast.Node
	body  *ast.BlockStmt
	stmt  *ast.DeferStmt
	tests bool
}

func run(pass *check.Pass) {
	for cur := range pass.Root.Preorder((*ast.DeferStmt)(nil)) {
		stmt := cur.Node().(*ast.DeferStmt)
		loop, ok := code.LoopAround(cur)
		if !ok || !again(pass, cur) || guarded(pass.TypesInfo, cur, loop) {
			continue
		}
		r := &round{pass, loop.Node(), bodyOf(loop.Node()), stmt, code.IsTest(pass.Fset.File(stmt.Pos()).Name())}
		if message := r.verdict(deferred(stmt)); message != "" {
			pass.Report(analysis.Diagnostic{Pos: stmt.Pos(), End: stmt.End(), Message: message})
		}
	}
}

func bodyOf(loop ast.Node) *ast.BlockStmt {
	switch loop := loop.(type) {
	case *ast.ForStmt:
		return loop.Body
	case *ast.RangeStmt:
		return loop.Body
	}
	return nil
}

// again reports whether a way leads from the defer back to it.
func again(pass *check.Pass, cur inspector.Cursor) bool {
	fn, ok := code.FuncAround(cur)
	if !ok {
		return false
	}
	same := func(n ast.Node) bool { return n == cur.Node() }
	return code.Walk{Covers: same}.Reaches(code.GraphOf(pass.Pass, fn.Node()), cur.Node()) != nil
}

// guarded reports whether an if that the defer is in asks for a variable that
// it sets itself, as in if !locked { ...; locked = true }: then it may well
// come to it once only.
func guarded(info *types.Info, cur, loop inspector.Cursor) (found bool) {
	for outer := range cur.Enclosing((*ast.IfStmt)(nil)) {
		guard := outer.Node().(*ast.IfStmt)
		if guard.Pos() < loop.Node().Pos() {
			return found
		}
		asked := map[*types.Var]bool{}
		ast.Inspect(guard.Cond, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				asked[code.Var(info, id)] = true
			}
			return true
		})
		delete(asked, nil)
		ast.Inspect(guard.Body, func(n ast.Node) bool {
			if assign, ok := n.(*ast.AssignStmt); ok {
				for _, left := range assign.Lhs {
					found = found || asked[code.Var(info, left)]
				}
			}
			return !found
		})
	}
	return found
}

// deferred returns the call that is put off: f() of defer f(), and of
// defer func() { f() }().
func deferred(stmt *ast.DeferStmt) *ast.CallExpr {
	lit, ok := ast.Unparen(stmt.Call.Fun).(*ast.FuncLit)
	if !ok {
		return stmt.Call
	}
	if len(lit.Body.List) == 1 && len(stmt.Call.Args) == 0 {
		if expr, ok := lit.Body.List[0].(*ast.ExprStmt); ok {
			if call, ok := expr.X.(*ast.CallExpr); ok {
				return call
			}
		}
	}
	return stmt.Call
}

// verdict returns what goes wrong with the call, "" if nothing does.
func (r *round) verdict(call *ast.CallExpr) string {
	info := r.TypesInfo
	switch {
	case code.CallsStd(info, call, "sync", "Mutex.Unlock", "RWMutex.Unlock", "Locker.Unlock"):
		if r.taken(call, "Lock") {
			return "the deferred Unlock runs at the function's end, not at the round's: the second round waits for ever in Lock"
		}
	case code.CallsStd(info, call, "sync", "RWMutex.RUnlock"):
		if r.taken(call, "RLock") {
			return "the deferred RUnlock runs at the function's end, not at the round's: the second round's RLock waits for ever once a writer waits in between"
		}
	case r.tests || code.FewRounds(info, r.loop):
		return "" // what piles up is little, or goes with the test
	case code.Calls(info, call, code.Semaphore, "Weighted.Release"):
		if r.taken(call, "Acquire") {
			return "the deferred Release runs at the function's end, not at the round's: each round keeps its permits until Acquire waits for ever"
		}
	case code.CallsStd(info, call, "time", "Timer.Stop", "Ticker.Stop"):
		if v := code.Var(info, code.Receiver(call)); v != nil && r.madeBy(v, nil, "time", "NewTimer", "NewTicker", "AfterFunc") && !r.escapes(v, false) {
			return "the deferred Stop runs at the function's end, not at the round's: the timers of all rounds pile up until then"
		}
	default:
		return r.cancel(call)
	}
	return ""
}

// cancel is the verdict on a context's cancel.
func (r *round) cancel(call *ast.CallExpr) string {
	v := code.Var(r.TypesInfo, call.Fun)
	if v == nil {
		return ""
	}
	var ctx *types.Var
	timed := r.madeBy(v, &ctx, "context", "WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause")
	// Without a time of its own it may be there for something that goes on.
	strict := !timed
	if !timed && !r.madeBy(v, &ctx, "context", "WithCancel", "WithCancelCause") || ctx == nil || r.escapes(ctx, strict) || r.escapes(v, false) {
		return ""
	}
	return "the deferred cancel runs at the function's end, not at the round's: the contexts of all rounds, and their timers, pile up until then"
}
