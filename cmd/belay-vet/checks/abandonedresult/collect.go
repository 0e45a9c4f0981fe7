package abandonedresult

// This file says who sends on a channel, and what of the receiving function
// tells it that a sender is done.

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis/passes/ctrlflow"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// channel is one without room, with its senders, and what meets them.
type channel struct {
	*code.Channel
	pass    *check.Pass
	cfgs    *ctrlflow.CFGs
	senders []*sender
	meets   map[ast.Node]bool // the home's receives
	ends    map[ast.Node]bool // what waits for all goroutines
}

// collect reports false when something about the channel isn't known, or
// when its home receives from it where it may be joined after all.
func (c *channel) collect() bool {
	c.meets, c.ends = map[ast.Node]bool{}, map[ast.Node]bool{}
	sends := map[*code.Routine][]code.ChannelUse{}
	receives := false
	for _, use := range c.Uses {
		switch home := use.In == nil; {
		case use.Op == code.Send && !home:
			if use.Select != nil && len(use.Select.Body.List) > 1 {
				return false // the send has another way out
			}
			sends[use.In] = append(sends[use.In], use)
		case (use.Op == code.Receive || use.Op == code.Range) && home && use.Defer == nil:
			c.meets[use.Node] = true
			receives = true
		case use.Op == code.Close && !home:
		default:
			return false
		}
	}
	if !receives || len(sends) == 0 {
		return false
	}
	told := map[*types.Var]bool{}
	for r, uses := range sends {
		s := c.sender(r, uses, told)
		if s == nil {
			return false
		}
		c.senders = append(c.senders, s)
	}
	slices.SortFunc(c.senders, func(a, b *sender) int { return cmp.Compare(a.first.Pos(), b.first.Pos()) })
	c.others(told)
	return !c.elsewhere()
}

// sender describes the goroutine; nil if it sends more than one result. What
// else it tells by a channel goes into told.
func (c *channel) sender(r *code.Routine, uses []code.ChannelUse, told map[*types.Var]bool) *sender {
	g := code.Graph(c.cfgs, r.Func)
	if g == nil {
		return nil
	}
	s, perhaps := &sender{Routine: r, last: true}, false
	sends, tells := map[ast.Node]bool{}, map[ast.Node]bool{}
	for _, use := range uses {
		send := use.Node.(*ast.SendStmt)
		if s.first == nil || send.Pos() < s.first.Pos() {
			s.first = send
		}
		if use.Defer != nil {
			sends[use.Defer] = true
			perhaps = perhaps || !plain(use.Defer, send)
		} else {
			sends[send] = true
		}
	}
	for n := range sends {
		again := code.Walk{Covers: func(n ast.Node) bool { return sends[n] }}
		if again.Reaches(g, n) != nil {
			return nil
		}
		more := code.Walk{Covers: func(n ast.Node) bool { return !isEnd(c.pass.TypesInfo, n) }}
		if _, put := n.(*ast.DeferStmt); !put && more.Reaches(g, n) != nil {
			s.last = false
		}
		tells[n] = true
	}
	tell(c.pass.TypesInfo, r.Body, c.Var, told, tells)
	ways := code.Leave{Body: r.Body, Graph: g, Meets: tells, Sure: true}
	s.always = !perhaps && len(ways.Ways(nil)) == 0
	return s
}

// plain reports whether the deferred function sends whatever happened: not, for
// instance, only what it recovered.
func plain(stmt *ast.DeferStmt, send *ast.SendStmt) bool {
	lit, ok := stmt.Call.Fun.(*ast.FuncLit)
	if !ok {
		return false
	}
	for _, s := range lit.Body.List {
		switch s := s.(type) {
		case *ast.SendStmt:
			if s == send {
				return true
			}
		case *ast.ExprStmt, *ast.AssignStmt:
		default:
			return false
		}
	}
	return false
}

// isEnd reports whether the node does nothing that anybody could notice: it
// closes a channel, or returns.
func isEnd(info *types.Info, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ReturnStmt:
		return len(n.Results) == 0 || len(n.Results) == 1 && info.Types[n.Results[0]].IsNil()
	case *ast.ExprStmt:
		call, ok := n.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		return ok && id.Name == "close" && info.Types[call.Fun].IsBuiltin()
	}
	return false
}

// tell notes the other channels that the body sends on or closes, and the
// statements that do.
func tell(info *types.Info, body *ast.BlockStmt, but *types.Var, told map[*types.Var]bool, stmts map[ast.Node]bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		var ch ast.Expr
		switch n := n.(type) {
		case *ast.SendStmt:
			ch = n.Chan
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "close" && info.Types[n.Fun].IsBuiltin() {
				ch = n.Args[0]
			}
		}
		if ch == nil {
			return true
		}
		if v := code.Var(info, ch); v != but && v != nil {
			told[v] = true
			if stmts != nil && !isClose(n) {
				stmts[n] = true
			}
		}
		return true
	})
}

func isClose(n ast.Node) bool {
	_, ok := n.(*ast.CallExpr)
	return ok
}

// others adds what tells the home in another way that a sender is done: the
// channels it tells it by, and a group it belongs to.
func (c *channel) others(told map[*types.Var]bool) {
	info := c.pass.TypesInfo
	all := map[*types.Var]bool{}
	for at := range c.Home.Preorder((*ast.GoStmt)(nil)) {
		if waits(info, at.Node()) {
			if lit, ok := at.Node().(*ast.GoStmt).Call.Fun.(*ast.FuncLit); ok {
				tell(info, lit.Body, nil, all, nil)
			}
		}
	}
	note := func(n ast.Node, ch ast.Expr) {
		v := code.Var(info, ch)
		if v == nil || v == c.Var {
			return
		}
		if told[v] {
			c.meets[n] = true
		}
		if all[v] {
			c.ends[n] = true
		}
	}
	for at := range c.Home.Preorder((*ast.UnaryExpr)(nil), (*ast.RangeStmt)(nil), (*ast.CallExpr)(nil)) {
		switch n := at.Node().(type) {
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				note(n, n.X)
			}
		case *ast.RangeStmt:
			note(n, n.X)
		case *ast.CallExpr:
			if isWait(info, n) {
				c.ends[n] = true
			}
		}
	}
}

func waits(info *types.Info, n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && isWait(info, call)
		return !found
	})
	return found
}

func isWait(info *types.Info, call *ast.CallExpr) bool {
	return code.CallsStd(info, call, "sync", "WaitGroup.Wait") || code.Calls(info, call, code.Errgroup, "Group.Wait") ||
		code.CallsStd(info, call, "github.com/belay-go/belay/timeout", "WaitGroup.Wait")
}

// elsewhere reports whether the home receives in a case of a switch, which is
// taken or not for reasons that the walk doesn't know.
func (c *channel) elsewhere() bool {
	for m := range c.meets {
		at, ok := c.Home.FindNode(m)
		if !ok {
			return true
		}
		for up := range at.Enclosing((*ast.CaseClause)(nil)) {
			inside := false
			for _, s := range c.senders {
				inside = inside || up.Contains(s.Go)
			}
			if c.Home.Contains(up) && !inside {
				return true
			}
		}
	}
	return false
}
