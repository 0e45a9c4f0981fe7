// Package ticker finds the tickers whose end keeps something: the goroutine
// that ranges over a stopped one, and before Go 1.23 the ticker itself.
package ticker

import (
	_ "embed"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a loop over a ticker that somebody stops, and a ticker that
// nobody stops where that is still a leak.
var Analyzer = check.New("ticker", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	known := callsOn(pass)
	for cur := range pass.Root.Preorder((*ast.RangeStmt)(nil), (*ast.ForStmt)(nil)) {
		stranded(pass, cur, known)
	}
	if !code.TimersSince123(pass.Pkg, pass.Files) {
		leaks(pass, known)
	}
}

// calls are those of Stop and Reset on one variable.
type calls struct {
	stops  []inspector.Cursor
	resets int
}

func callsOn(pass *check.Pass) map[*types.Var]*calls {
	known := map[*types.Var]*calls{}
	for cur := range pass.Root.Preorder((*ast.SelectorExpr)(nil)) {
		// Not calls alone: t.Stop may be passed on, to be called by others.
		sel := cur.Node().(*ast.SelectorExpr)
		f, ok := pass.TypesInfo.Uses[sel.Sel].(*types.Func)
		if !ok || f.Pkg() == nil || f.Pkg().Path() != "time" || f.Signature().Recv() == nil {
			continue
		}
		v := code.Var(pass.TypesInfo, sel.X)
		if v == nil || f.Name() != "Stop" && f.Name() != "Reset" {
			continue
		}
		if known[v] == nil {
			known[v] = &calls{}
		}
		if f.Name() == "Stop" {
			known[v].stops = append(known[v].stops, cur)
		} else {
			known[v].resets++
		}
	}
	return known
}

// stranded reports a loop that nothing but ticks drives, and nothing but the
// channel's closing would end, where somebody stops the ticker.
func stranded(pass *check.Pass, cur inspector.Cursor, known map[*types.Var]*calls) {
	timer, body := ticks(pass.TypesInfo, cur.Node())
	if timer == nil || leaves(body) {
		return
	}
	v := code.Var(pass.TypesInfo, timer)
	if v == nil || known[v] == nil || known[v].resets > 0 {
		return
	}
	for _, stop := range known[v].stops {
		if !ends(pass, cur, stop) {
			continue
		}
		pass.Report(analysis.Diagnostic{
			Pos: cur.Node().Pos(), End: body.Lbrace,
			Message: "Stop doesn't close a ticker's channel: this loop waits for ever once the ticker is stopped; end it by a channel or context of its own",
			Related: []analysis.RelatedInformation{{Pos: stop.Node().Pos(), End: stop.Node().End(), Message: "the ticker is stopped here"}},
		})
		return
	}
}

// ticks returns t, and the body, of for range t.C and of for { <-t.C ... },
// where t is a ticker.
func ticks(info *types.Info, loop ast.Node) (timer ast.Expr, body *ast.BlockStmt) {
	switch loop := loop.(type) {
	case *ast.RangeStmt:
		timer, body = code.TimerOf(info, loop.X), loop.Body
	case *ast.ForStmt:
		if loop.Cond != nil || len(loop.Body.List) == 0 {
			return nil, nil
		}
		first := loop.Body.List[0]
		if choice, ok := first.(*ast.SelectStmt); ok && len(choice.Body.List) == 1 {
			first = choice.Body.List[0].(*ast.CommClause).Comm
		}
		if x := code.Received(first); x != nil {
			timer, body = code.TimerOf(info, x), loop.Body
		}
	}
	if timer == nil || !code.IsNamed(info.TypeOf(timer), []string{"time"}, "Ticker") {
		return nil, nil
	}
	return timer, body
}

// leaves reports whether the loop may be left from within its body. A break of
// something in it counts as well: better one finding less.
func leaves(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			found = found || n.Tok == token.BREAK || n.Tok == token.GOTO || n.Label != nil
		}
		return !found
	})
	return found
}

// ends reports whether the Stop is one that comes while the loop runs: in the
// loop, or in another function. Behind the loop it is never reached, in front
// of it the loop is another one's, and one that main defers comes with the
// end of the process.
func ends(pass *check.Pass, loop, stop inspector.Cursor) bool {
	inLoop := loop.Node().Pos() <= stop.Node().Pos() && stop.Node().End() <= loop.Node().End()
	if inLoop {
		return true
	}
	own, _ := code.FuncAround(loop)
	other, ok := code.FuncAround(stop)
	if !ok || own == other {
		return false
	}
	// The deferred function of the loop's own one is as unreachable.
	if around, ok := code.FuncAround(other); ok && around == own {
		if call, ok := other.Parent().Node().(*ast.CallExpr); ok && call.Fun == other.Node() {
			return false
		}
	}
	decl, ok := other.Node().(*ast.FuncDecl)
	return !ok || pass.Pkg.Name() != "main" || decl.Recv != nil || decl.Name.Name != "main"
}
