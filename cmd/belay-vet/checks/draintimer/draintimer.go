// Package draintimer finds the emptying of a timer's channel that was needed
// before Go 1.23, and now hangs or does nothing.
package draintimer

import (
	_ "embed"
	"go/ast"
	"go/token"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports a drain of a timer's channel that has nothing to drain.
var Analyzer = check.New("draintimer", page, run)

const (
	stoppedReceive = "since Go 1.23 Stop returns false only if the channel has nothing left: this receive is never reached or waits for ever; Stop alone is enough"
	stoppedSelect  = "since Go 1.23 the channel of a stopped timer has nothing left: this drain does nothing; Stop alone is enough"
	alwaysReceive  = "since Go 1.23 the channel of a stopped timer has nothing left: this receive waits for ever; Stop alone is enough"
	resetReceive   = "since Go 1.23 the channel has nothing left after Reset: this receive doesn't drain it, it waits until the timer fires anew; Reset alone is enough"
	resetSelect    = "since Go 1.23 the channel has nothing left after Reset: this drain does nothing, or takes the new value; Reset alone is enough"
	noLength       = "since Go 1.23 the channel of a timer has no buffer, and its len is always 0"
	nilReceive     = "the channel of a timer made by time.AfterFunc is nil: this receive waits for ever"
	nilCase        = "the channel of a timer made by time.AfterFunc is nil: this case never wins"
)

// checker is what one run knows.
type checker struct {
	*check.Pass
	since123 bool
	done     []ast.Node // what has its finding
}

func run(pass *check.Pass) {
	c := &checker{Pass: pass, since123: code.TimersSince123(pass.Pkg, pass.Files)}
	c.nilChannels()
	if !c.since123 {
		return
	}
	for cur := range pass.Root.Preorder((*ast.IfStmt)(nil), (*ast.BlockStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.IfStmt:
			c.guarded(n)
		case *ast.BlockStmt:
			c.inRow(n.List)
		case *ast.CaseClause:
			c.inRow(n.Body)
		case *ast.CommClause:
			c.inRow(n.Body)
		}
	}
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil)) {
		c.length(cur)
	}
}

// guarded looks at if !t.Stop() { <-t.C } and its likes.
func (c *checker) guarded(n *ast.IfStmt) {
	verdict, rest := c.condition(n.Init, n.Cond)
	if verdict == nil || len(n.Body.List) == 0 {
		return
	}
	d := c.drainOf(n.Body.List[0])
	if d == nil || !c.same(d.timer, verdict.timer) {
		return
	}
	message := stoppedReceive
	switch {
	case verdict.reset && d.waits:
		message = resetReceive
	case verdict.reset:
		message = resetSelect
	case !d.waits:
		message = stoppedSelect
	}
	var edit []analysis.TextEdit
	switch {
	case !d.plain:
	case len(n.Body.List) > 1:
		edit = cut(n.Body.Lbrace+1, d.stmt.End())
	case !rest && n.Init == nil && n.Else == nil:
		// Only the call of Stop or Reset is left of the if.
		edit = append(cut(n.If, verdict.call.Pos()), cut(verdict.call.End(), n.End())...)
	}
	c.done = append(c.done, n)
	c.report(d.stmt, message, edit)
}

// inRow looks at a Stop with its drain in the next statement.
func (c *checker) inRow(list []ast.Stmt) {
	for i := range max(len(list)-1, 0) {
		call, ok := callOf(list[i])
		if !ok || c.timerMethod(call, "Stop") == nil {
			continue
		}
		timer := c.timerMethod(call, "Stop")
		if n, ok := list[i+1].(*ast.IfStmt); ok && n.Init == nil && c.refuses(list[i], n.Cond) && len(n.Body.List) > 0 {
			// stopped := t.Stop(); if !stopped { <-t.C }
			if d := c.drainOf(n.Body.List[0]); d != nil && c.same(d.timer, timer) {
				message := stoppedSelect
				if d.waits {
					message = stoppedReceive
				}
				c.done = append(c.done, n)
				c.report(d.stmt, message, nil)
			}
			continue
		}
		d := c.drainOf(list[i+1])
		if d == nil || !c.same(d.timer, timer) {
			continue
		}
		message := stoppedSelect
		if d.waits {
			message = alwaysReceive
		}
		var edit []analysis.TextEdit
		if d.plain {
			edit = cut(list[i].End(), d.stmt.End())
		}
		c.report(d.stmt, message, edit)
	}
}

// length looks at len(t.C).
func (c *checker) length(cur inspector.Cursor) {
	call := cur.Node().(*ast.CallExpr)
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok || id.Name != "len" || len(call.Args) != 1 || code.Callee(c.TypesInfo, call) != nil || code.TimerOf(c.TypesInfo, call.Args[0]) == nil {
		return
	}
	if c.hasFinding(call) {
		return
	}
	c.report(call, noLength, c.emptied(cur))
}

// emptied returns the edits that delete for len(t.C) > 0 { <-t.C }, or the
// same with if, where call is that len.
func (c *checker) emptied(cur inspector.Cursor) []analysis.TextEdit {
	cond, ok := cur.Parent().Node().(*ast.BinaryExpr)
	if !ok || cond.Op != token.GTR && cond.Op != token.NEQ || cond.X != cur.Node() {
		return nil
	}
	if value := c.TypesInfo.Types[cond.Y].Value; value == nil || value.ExactString() != "0" {
		return nil
	}
	var body *ast.BlockStmt
	outer := cur.Parent().Parent()
	switch n := outer.Node().(type) {
	case *ast.ForStmt:
		if n.Init == nil && n.Post == nil && n.Cond == cond {
			body = n.Body
		}
	case *ast.IfStmt:
		if n.Init == nil && n.Else == nil && n.Cond == cond {
			body = n.Body
		}
	}
	if _, listed := outer.Parent().Node().(*ast.BlockStmt); !listed || body == nil || len(body.List) != 1 {
		return nil
	}
	if d := c.drainOf(body.List[0]); d == nil || !d.plain {
		return nil
	}
	return cut(outer.Node().Pos(), outer.Node().End())
}

func (c *checker) hasFinding(n ast.Node) bool {
	for _, done := range c.done {
		if done.Pos() <= n.Pos() && n.End() <= done.End() {
			return true
		}
	}
	return false
}

func (c *checker) report(at ast.Node, message string, edits []analysis.TextEdit) {
	for _, done := range c.done {
		if done == at {
			return
		}
	}
	d := analysis.Diagnostic{Pos: at.Pos(), End: at.End(), Message: message}
	if edits != nil {
		d.SuggestedFixes = []analysis.SuggestedFix{{Message: "delete the drain", TextEdits: edits}}
	}
	c.done = append(c.done, at)
	c.Report(d)
}

func cut(from, to token.Pos) []analysis.TextEdit { return []analysis.TextEdit{{Pos: from, End: to}} }
