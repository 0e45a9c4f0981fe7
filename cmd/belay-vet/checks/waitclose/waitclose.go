// Package waitclose finds goroutines that turn a WaitGroup into a channel so
// that a select can wait for it with a limit.
package waitclose

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

// Analyzer reports the goroutine that stays behind when the limit is reached.
var Analyzer = check.New("waitclose", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	cfgs := pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)
	for _, ch := range code.Channels(pass.TypesInfo, pass.Root) {
		if code.IsMain(pass.Pkg, ch.Home.Node()) || code.IsTest(pass.Fset.File(ch.Make.Pos()).Name()) {
			continue
		}
		helper, meets := shape(ch)
		if helper == nil {
			continue
		}
		wait, group := waitIn(pass.TypesInfo, helper.Body)
		if wait == nil {
			continue
		}
		joins(pass.TypesInfo, ch.Home, meets)
		ways := code.Leave{
			Body: code.Body(ch.Home.Node()), Graph: code.Graph(cfgs, ch.Home.Node()), Meets: meets,
		}.Ways(helper.Go.Node())
		for _, way := range ways {
			if way.Clause != nil {
				report(pass, wait, group, way)
				break
			}
		}
	}
}

// shape returns the goroutine that alone tells the channel's home when it is
// done, and the home's receives; nil if the channel is used in another way.
func shape(ch *code.Channel) (helper *code.Routine, meets map[ast.Node]bool) {
	meets = map[ast.Node]bool{}
	for _, use := range ch.Uses {
		switch {
		case use.In == nil && use.Defer == nil && (use.Op == code.Receive || use.Op == code.Range):
			meets[use.Node] = true
		case use.In != nil && (helper == nil || helper == use.In) && (use.Op == code.Close || use.Op == code.Send && ch.Buffered):
			helper = use.In
		default:
			return nil, nil
		}
	}
	return helper, meets
}

// waitIn returns the call that waits for a WaitGroup in the body, and the
// variable or field that is waited for.
func waitIn(info *types.Info, body *ast.BlockStmt) (wait *ast.CallExpr, group *types.Var) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if code.CallsStd(info, n, "sync", "WaitGroup.Wait") {
				wait, group = n, code.Var(info, code.Receiver(n))
			}
		}
		return wait == nil
	})
	return wait, group
}

// joins adds the home's own waits to what meets the goroutine: each may be for
// the same group, under whatever name.
func joins(info *types.Info, home inspector.Cursor, meets map[ast.Node]bool) {
	for c := range home.Preorder((*ast.CallExpr)(nil)) {
		if code.CallsStd(info, c.Node().(*ast.CallExpr), "sync", "WaitGroup.Wait") {
			meets[c.Node()] = true
		}
	}
}

func report(pass *check.Pass, wait *ast.CallExpr, group *types.Var, way code.Way) {
	name := "the group"
	if group != nil {
		name = group.Name()
	}
	pass.Report(analysis.Diagnostic{
		Pos: wait.Pos(), End: wait.End(),
		Message: "when " + code.First(pass.TypesInfo, way.Clause) + ", the goroutine that waits for " + name +
			" stays until the last task is done, and " + name + " can't be used again before that: " +
			"timeout.WaitGroup of github.com/belay-go/belay has WaitContext and WaitTimeout",
		Related: []analysis.RelatedInformation{{Pos: way.Clause.Pos(), End: way.Clause.Colon, Message: "the case that leaves"}},
	})
}
