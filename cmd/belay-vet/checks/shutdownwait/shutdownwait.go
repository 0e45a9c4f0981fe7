// Package shutdownwait finds servers whose shutdown nobody waits for.
package shutdownwait

import (
	_ "embed"
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a function that returns with Serve while the Shutdown it
// started still runs.
var Analyzer = check.New("shutdownwait", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		if !code.CallsStd(pass.TypesInfo, call, "net/http", "Server.ListenAndServe", "Server.ListenAndServeTLS", "Server.Serve", "Server.ServeTLS") ||
			code.IsTest(pass.Fset.Position(call.Pos()).Filename) {
			continue
		}
		fn, ok := code.FuncAround(cur)
		if !ok || deferredOrStarted(cur, fn) {
			continue
		}
		shutdown := unwatched(pass, fn, call)
		if shutdown == nil || waits(pass, fn, call) {
			continue
		}
		pass.Report(analysis.Diagnostic{
			Pos: call.Pos(), End: call.End(),
			Message: "Serve returns as soon as Shutdown begins, and this function with it, so that a program that ends then cuts off the requests under way: wait here until Shutdown has returned",
			Related: []analysis.RelatedInformation{{Pos: shutdown.Pos(), Message: "nobody waits for this Shutdown"}},
		})
	}
}

// deferredOrStarted reports whether the call itself is the one of a go or a
// defer statement.
func deferredOrStarted(call, fn inspector.Cursor) bool {
	switch call.Parent().Node().(type) {
	case *ast.GoStmt, *ast.DeferStmt:
		return true
	}
	// A goroutine of which Serve is the last thing has nobody who takes its
	// return for the end of the server.
	if _, closure := fn.Node().(*ast.FuncLit); closure {
		_, started := fn.Parent().Parent().Node().(*ast.GoStmt)
		return started
	}
	return false
}

// unwatched returns the Shutdown of the same server in a goroutine that the
// function starts in front of the call, and that tells nobody of its end.
func unwatched(pass *check.Pass, fn inspector.Cursor, serve *ast.CallExpr) (shutdown *ast.CallExpr) {
	for cur := range fn.Preorder((*ast.CallExpr)(nil)) {
		start := cur.Node().(*ast.CallExpr)
		home, _ := code.FuncAround(cur)
		if home != fn || start.Pos() > serve.Pos() {
			continue
		}
		var lit *ast.FuncLit
		if _, ok := cur.Parent().Node().(*ast.GoStmt); ok {
			lit, _ = ast.Unparen(start.Fun).(*ast.FuncLit)
		} else if code.CallsStd(pass.TypesInfo, start, "context", "AfterFunc") {
			lit, _ = ast.Unparen(start.Args[1]).(*ast.FuncLit)
		}
		if lit == nil || tells(pass.TypesInfo, lit) {
			continue
		}
		ast.Inspect(lit.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if ok && code.CallsStd(pass.TypesInfo, call, "net/http", "Server.Shutdown") &&
				code.SamePlace(pass.TypesInfo, code.Receiver(call), code.Receiver(serve)) {
				shutdown = call
			}
			return true
		})
	}
	return shutdown
}

// tells reports whether the goroutine does anything that another one may wait
// for: it sends, closes a channel, or calls a Done, a cancel function, or
// whatever else is a variable.
func tells(info *types.Info, lit *ast.FuncLit) bool {
	return code.Has(lit.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SendStmt:
			return true
		case *ast.CallExpr:
			switch fun := ast.Unparen(n.Fun).(type) {
			case *ast.Ident:
				v, variable := info.Uses[fun].(*types.Var)
				return fun.Name == "close" || variable && !within(lit, v)
			case *ast.SelectorExpr:
				if v, ok := info.Uses[fun.Sel].(*types.Var); ok && !within(lit, v) {
					return true
				}
				return code.CallsStd(info, n, "sync", "WaitGroup.Done", "Mutex.Unlock", "Cond.Signal", "Cond.Broadcast") ||
					fun.Sel.Name == "Done" && !code.CallsStd(info, n, "context", "Context.Done")
			}
		}
		return false
	})
}

func within(lit *ast.FuncLit, v *types.Var) bool { return lit.Pos() <= v.Pos() && v.Pos() < lit.End() }

// waits reports whether the function does anything after Serve, or in a defer,
// that may wait for the Shutdown: it receives, selects, loops over a channel,
// sleeps, shuts down itself, or calls something whose name says Wait.
func waits(pass *check.Pass, fn inspector.Cursor, serve *ast.CallExpr) bool {
	_, body := code.FuncParts(fn.Node())
	flow := code.GraphOf(pass.Pass, fn.Node())
	if flow == nil {
		return true
	}
	may := func(n ast.Node) bool { return mayWait(pass.TypesInfo, n) }
	if code.Has(body, func(n ast.Node) bool {
		d, ok := n.(*ast.DeferStmt)
		return ok && code.Has(d, may)
	}) {
		return true
	}
	walk := code.Walk{Covers: func(n ast.Node) bool { return n.Pos() > serve.Pos() && code.Has(n, may) }}
	return walk.Reaches(flow, serve) != nil || walk.Escape(flow, serve) == nil && !ends(serve, body)
}

// ends is for a Serve that is part of a return, and for one whose result goes to
// a function that doesn't return, log.Fatal for one: nothing comes after it.
func ends(serve *ast.CallExpr, body *ast.BlockStmt) bool {
	return code.Has(body, func(n ast.Node) bool {
		if ret, ok := n.(*ast.ReturnStmt); ok {
			return ret.Pos() <= serve.Pos() && serve.End() <= ret.End()
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || call.Args[0].Pos() > serve.Pos() || call.Args[len(call.Args)-1].End() < serve.End() {
			return false
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		return ok && strings.HasPrefix(sel.Sel.Name, "Fatal")
	})
}

func mayWait(info *types.Info, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.UnaryExpr:
		return n.Op.String() == "<-"
	case *ast.SelectStmt, *ast.SendStmt:
		return true
	case ast.Expr:
		if t := info.TypeOf(n); t != nil {
			if _, ok := t.Underlying().(*types.Chan); ok {
				return true
			}
		}
		if call, ok := n.(*ast.CallExpr); ok {
			name := ""
			switch fun := ast.Unparen(call.Fun).(type) {
			case *ast.Ident:
				name = fun.Name
			case *ast.SelectorExpr:
				name = fun.Sel.Name
			}
			low := strings.ToLower(name)
			for _, word := range []string{"wait", "sleep", "shutdown", "stop", "drain", "join", "lock"} {
				if strings.Contains(low, word) {
					return true
				}
			}
		}
	}
	return false
}
