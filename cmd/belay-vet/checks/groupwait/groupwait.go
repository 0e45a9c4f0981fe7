// Package groupwait finds groups of tasks that nobody ever waits for.
package groupwait

import (
	_ "embed"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis/passes/ctrlflow"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports groups that tasks are started on and that are never waited
// for.
var Analyzer = check.New("groupwait", page, run, ctrlflow.Analyzer)

// kinds are the groups, with the methods that start a task, and those that do
// neither that nor wait. Whatever else is called may well be a way to wait.
var kinds = []struct {
	packages      []string
	name, said    string
	start, beside []string
}{
	{code.Errgroup, "Group", "and no error of them is seen", []string{"Go"}, []string{"TryGo", "GoContext", "SetLimit", "Resize"}},
	{code.WaitGroup, "WaitGroup", "whatever they do may come too late", []string{"Go", "GoNamed", "Add"}, []string{"Done", "TryAdd", "Len"}},
}

func run(pass *check.Pass) {
	flows := pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)
	for _, kind := range kinds {
		for _, g := range code.Groups(pass.Root, pass.TypesInfo, kind.packages, kind.name) {
			start := g.Called(kind.start...)
			if g.Escapes || len(start) == 0 || len(g.Calls) > len(start)+len(g.Called(kind.beside...)) {
				continue
			}
			if started(g) && returns(flows, g, start) && !watched(pass.TypesInfo, g) {
				pass.Reportf(g.Ident.Pos(), "nobody waits for the tasks of %s: the function returns while they run, %s; call %[1]s.Wait on every path",
					g.Ident.Name, kind.said)
			}
		}
	}
}

// started reports whether a goroutine is there that may outlive the function:
// one that the group starts, or a go statement with a Done in it. Add and Done
// may also be called by what returns before the function does.
func started(g *code.Group) bool {
	if len(g.Called("Go", "GoNamed")) > 0 {
		return true
	}
	for stmt := range g.Func.Preorder((*ast.GoStmt)(nil)) {
		for _, done := range g.Called("Done") {
			if stmt.Node().Pos() <= done.Call.Pos() && done.Call.End() <= stmt.Node().End() {
				return true
			}
		}
	}
	return false
}

// returns reports whether the function of the group can end with tasks
// started.
func returns(flows *ctrlflow.CFGs, g *code.Group, start []code.GroupCall) bool {
	flow := code.Graph(flows, g.Func.Node())
	if flow == nil {
		return false
	}
	any := code.Walk{Covers: func(ast.Node) bool { return false }}
	for _, call := range start {
		if any.Escape(flow, call.Call) != nil {
			return true
		}
	}
	return false
}

// watched reports whether the function looks at the end of the derived
// context, which is how some wait for the first failure and for no more.
func watched(info *types.Info, g *code.Group) bool {
	ctx := code.Derived(info, g)
	if ctx == nil {
		return false
	}
	found := false
	ast.Inspect(g.Func.Node(), func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Done" && code.Var(info, sel.X) == ctx {
			found = true
		}
		return !found
	})
	return found
}
