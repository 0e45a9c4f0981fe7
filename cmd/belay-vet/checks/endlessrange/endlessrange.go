// Package endlessrange finds goroutines that range over a channel that is
// never closed, or not on each way out of the function that made it.
package endlessrange

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports the loop that never ends.
var Analyzer = check.New("endlessrange", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	cfgs := pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)
	for _, ch := range code.Channels(pass.TypesInfo, pass.Root) {
		if !code.IsMain(pass.Pkg, ch.Home.Node()) {
			look(pass, cfgs, ch)
		}
	}
}

// look walks from the start of each worker to the ends of the channel's home.
func look(pass *check.Pass, cfgs *ctrlflow.CFGs, ch *code.Channel) {
	closers := closers(ch)
	if len(closers) == 0 && !sendersEnd(pass, ch) {
		return
	}
	for _, use := range ch.Uses {
		loop := endless(pass, use)
		if loop == nil {
			continue
		}
		if len(closers) > 0 && (use.In.Perhaps(ch) || before(closers, use.In.Go.Node())) {
			return
		}
		ways := code.Leave{
			Body: code.Body(ch.Home.Node()), Graph: code.Graph(cfgs, ch.Home.Node()), Meets: closers,
		}.Ways(use.In.Go.Node())
		if len(ways) > 0 {
			report(pass, ch, loop, ways[0], len(closers) > 0)
			return
		}
	}
}

// closers returns the nodes of the home after which the channel is closed, or
// will be: calls of close, statements that defer one, and statements that
// start a goroutine with one.
func closers(ch *code.Channel) map[ast.Node]bool {
	nodes := map[ast.Node]bool{}
	for _, use := range ch.Uses {
		switch {
		case use.Op != code.Close:
		case use.In != nil:
			nodes[use.In.Go.Node()] = true
		case use.Defer != nil:
			nodes[use.Defer] = true
		default:
			nodes[use.Node] = true
		}
	}
	return nodes
}

// before reports whether one of the nodes stands in front of the statement: a
// close that is deferred by then, say, or the goroutine's own.
func before(nodes map[ast.Node]bool, stmt ast.Node) bool {
	for n := range nodes {
		if n.Pos() <= stmt.Pos() {
			return true
		}
	}
	return false
}

// sendersEnd reports whether all who send are done at some time. A goroutine
// that sends in an endless loop, or as long as another channel has values, may
// have a reader for as long as the process lives.
func sendersEnd(pass *check.Pass, ch *code.Channel) bool {
	for _, use := range ch.Uses {
		if use.Op != code.Send || use.In == nil {
			continue
		}
		lasting := false
		ast.Inspect(use.In.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ForStmt:
				lasting = lasting || n.Cond == nil
			case *ast.RangeStmt:
				lasting = lasting || isChan(pass.TypesInfo.TypeOf(n.X))
			}
			return !lasting
		})
		if lasting {
			return false
		}
	}
	return true
}

// endless returns the loop of a goroutine that nothing but the channel's close
// ends; nil if the use is none. A loop that receives without a look at close
// has no end at all.
func endless(pass *check.Pass, use code.ChannelUse) ast.Stmt {
	if use.In == nil || use.Defer != nil || use.Select != nil {
		return nil
	}
	var loop ast.Stmt
	var body *ast.BlockStmt
	switch use.Op {
	case code.Range:
		n := use.Node.(*ast.RangeStmt)
		loop, body = n, n.Body
	case code.Receive:
		at, ok := pass.Root.FindNode(use.Node)
		if !ok {
			return nil
		}
		for up := range at.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil)) {
			if n, ok := up.Node().(*ast.ForStmt); ok && n.Cond == nil {
				loop, body = n, n.Body
			}
			break
		}
	}
	if loop == nil || leaves(body) {
		return nil
	}
	return loop
}

// leaves reports whether something in the loop's body may end the loop. A
// break that ends something inside of it counts too.
func leaves(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			found = found || n.Tok == token.BREAK || n.Tok == token.GOTO || n.Tok == token.CONTINUE && n.Label != nil
		}
		return !found
	})
	return found
}

func isChan(t types.Type) bool {
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

func report(pass *check.Pass, ch *code.Channel, loop ast.Stmt, way code.Way, closes bool) {
	name := ch.Var.Name()
	d := analysis.Diagnostic{
		Pos: loop.Pos(), End: loop.Pos() + token.Pos(len("for")),
		Message: fmt.Sprintf("nothing closes %s: the goroutine that receives from it stays for ever once the function has returned; "+
			"range over it, and close it after the last send", name),
		Related: []analysis.RelatedInformation{{Pos: ch.Make.Pos(), End: ch.Make.End(), Message: "the channel"}},
	}
	if closes {
		d.Message = fmt.Sprintf("the function returns in line %d without closing %s: the goroutine that receives from it stays for ever; "+
			"close it on each way out", pass.Fset.Position(way.Return.Pos()).Line, name)
		d.Related = append(d.Related, analysis.RelatedInformation{Pos: way.Return.Pos(), Message: "the function leaves here"})
	}
	pass.Report(d)
}
