// Package afterloop finds the time.After that a loop makes anew in each round,
// though another case of its select wins most of them.
package afterloop

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/types"
	"regexp"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a time.After in the select of a loop.
var Analyzer = check.New("afterloop", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	collected := code.TimersSince123(pass.Pkg, pass.Files)
	var finds []find
	for cur := range pass.Root.Preorder((*ast.CommClause)(nil)) {
		if f, ok := look(pass, cur); ok {
			finds = append(finds, f)
		}
	}
	for _, f := range finds {
		d := analysis.Diagnostic{Pos: f.call.Pos(), End: f.call.End()}
		if collected {
			d.Message = "each round makes a timer and its channel anew (no leak since Go 1.23, an allocation): make one time.NewTimer in front of the loop and Reset it in each round"
			d.SuggestedFixes = fix(pass, f, finds)
		} else {
			d.Message = fmt.Sprintf("each round leaves a timer behind that stays until it fires, %s later (as go.mod says a version below 1.23): make one time.NewTimer, stop, drain and reset it in each round",
				types.ExprString(f.call.Args[0]))
		}
		pass.Report(d)
	}
}

// find is a time.After in a case of a select in a loop.
type find struct {
	clause inspector.Cursor
	call   *ast.CallExpr
	sel    inspector.Cursor
	loop   inspector.Cursor
	fn     ast.Node
}

// look reports whether the clause is one to report: it waits for time.After,
// and some other clause of its select goes on to the next round.
func look(pass *check.Pass, cur inspector.Cursor) (find, bool) {
	clause := cur.Node().(*ast.CommClause)
	f := find{clause: cur}
	if code.IsTest(pass.Fset.File(clause.Pos()).Name()) || code.InTest(cur) {
		return f, false
	}
	call, ok := code.Received(clause.Comm).(*ast.CallExpr)
	if !ok || !code.CallsStd(pass.TypesInfo, call, "time", "After") {
		return f, false
	}
	f.call = call
	f.sel = cur.Parent().Parent()
	if f.loop, ok = code.LoopAround(cur); !ok || code.FewRounds(pass.TypesInfo, f.loop.Node()) {
		return f, false
	}
	around, ok := code.FuncAround(cur)
	if !ok {
		return f, false
	}
	f.fn = around.Node()
	goesOn := false
	for _, other := range f.sel.Node().(*ast.SelectStmt).Body.List {
		other := other.(*ast.CommClause)
		if other.Comm == nil {
			return f, false // with a default nobody waits for the timer
		}
		if other != clause && !waitsForEnd(pass.TypesInfo, other) && code.LeadsTo(code.GraphOf(pass.Pass, f.fn), other, clause.Comm) {
			goesOn = true
		}
	}
	return f, goesOn
}

// waitsForEnd reports whether the clause waits for an end, which is nothing
// that happens round after round: that of a context's Done, or of whatever else
// says so by a channel that is named for it and carries no values, or the
// channels on which to tell that it has ended.
func waitsForEnd(info *types.Info, clause *ast.CommClause) bool {
	from := code.Received(clause.Comm)
	if from == nil {
		return false
	}
	channel, ok := info.TypeOf(from).Underlying().(*types.Chan)
	if !ok {
		return false
	}
	switch elem := channel.Elem().Underlying().(type) {
	case *types.Struct:
		return elem.NumFields() == 0 && ending.MatchString(types.ExprString(from))
	case *types.Chan:
		return ending.MatchString(types.ExprString(from))
	}
	return false
}

var ending = regexp.MustCompile(`(?i)(clos|done|stop|quit|exit|shut|kill|cancel|finish)\w*(\(\))?$`)
