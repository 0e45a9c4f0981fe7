package code

// This file walks a function from the start of a goroutine to the function's
// end and keeps the account: how many goroutines wait to be met, and on which
// way does the function leave before it has met them all. Other than in path.go
// a case of a select counts only on the way that takes it.

import (
	"go/ast"

	"golang.org/x/tools/go/cfg"
)

// Leave describes such a walk.
type Leave struct {
	// Body is that of the function, Graph its control flow.
	Body  *ast.BlockStmt
	Graph *cfg.CFG

	// Meets are the nodes that meet a goroutine; a range statement among them
	// meets one in each turn, and all when it ends by itself.
	Meets map[ast.Node]bool

	// Ends are the nodes after which none is left to be met.
	Ends map[ast.Node]bool

	// Starts are further statements that start a goroutine to be met.
	Starts map[ast.Node]bool

	// Loops says that the number of goroutines isn't known: only a loop that
	// meets some in each turn has met all of them when it is done.
	Loops bool

	// Sure walks each way there is. Without it, a condition that decides
	// whether goroutines are met is believed to decide so: it may be the one
	// that decided whether to start them.
	Sure bool

	// Closed is that of [Walk].
	Closed func(cond ast.Expr, value bool) bool
}

// Way is a way out on which not all goroutines are met.
type Way struct {
	Return *ast.ReturnStmt // falling off the end is a return at the last brace
	Select *ast.SelectStmt // the last one that could have met a goroutine and took
	Clause *ast.CommClause // this case instead; nil if there is none
	Met    bool            // one was met on the way
}

type leaving struct {
	Leave
	comms  map[ast.Node]bool
	ofComm map[*ast.CommClause]*ast.SelectStmt
	seen   map[account]bool
	ways   []Way
}

// account is what matters of a way up to the start of a block.
type account struct {
	block *cfg.Block
	owed  int
	met   bool
	by    *ast.CommClause
}

// many is more than are ever counted.
const many = 16

// Ways returns the ways out, from the statement that starts the first
// goroutine; from nil, from the function's first statement.
func (l Leave) Ways(from ast.Node) []Way {
	s := &leaving{l, map[ast.Node]bool{}, map[*ast.CommClause]*ast.SelectStmt{}, map[account]bool{}, nil}
	ast.Inspect(l.Body, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectStmt); ok {
			for _, c := range sel.Body.List {
				clause := c.(*ast.CommClause)
				s.ofComm[clause] = sel
				if clause.Comm != nil {
					s.comms[clause.Comm] = true
				}
			}
		}
		return true
	})
	block, at := l.Graph.Blocks[0], -1
	if from != nil {
		if block, at = find(l.Graph, from); block == nil {
			return nil
		}
	}
	owed := 1
	if l.Loops {
		owed = many
	}
	s.walk(account{block: block, owed: owed}, at+1)
	return s.ways
}

func (s *leaving) walk(a account, first int) {
	if a.owed <= 0 {
		return
	}
	for _, n := range a.block.Nodes[first:] {
		if s.comms[n] {
			continue
		}
		if s.Starts[n] && a.owed < many-1 {
			a.owed++
		}
		a = s.meet(a, s.count(n))
		if s.ends(n) {
			a.owed = 0
		}
		if a.owed <= 0 {
			return
		}
		if ret, ok := n.(*ast.ReturnStmt); ok {
			s.ways = append(s.ways, Way{ret, s.ofComm[a.by], a.by, a.met})
			return
		}
	}
	for i, next := range a.block.Succs {
		if s.closed(a.block, i) {
			continue
		}
		b := s.enter(a, next)
		if !s.seen[b] {
			s.seen[b] = true
			s.walk(b, 0)
		}
	}
}

// meet is a with n goroutines met.
func (s *leaving) meet(a account, n int) account {
	if n > 0 {
		a.met, a.by = true, nil
		if !s.Loops {
			a.owed -= n
		}
	}
	return a
}

// enter is the account at the start of the next block.
func (s *leaving) enter(a account, next *cfg.Block) account {
	from := a.block
	a.block = next
	switch next.Kind {
	case cfg.KindSelectCaseBody, cfg.KindSelectAfterCase:
		clause := next.Stmt.(*ast.CommClause)
		sel := s.ofComm[clause]
		if next.Kind == cfg.KindSelectAfterCase {
			if clause = fallback(sel, clause); clause == nil {
				return a
			}
		} else if n := s.count(clause.Comm); n > 0 {
			return s.meet(a, n)
		} else if s.ends(clause.Comm) {
			a.owed = 0
			return a
		}
		if s.offers(sel) {
			a.by = clause
		}
	case cfg.KindRangeBody:
		if s.Meets[next.Stmt] {
			return s.meet(a, 1)
		}
	case cfg.KindRangeDone, cfg.KindForDone:
		head := from.Kind == cfg.KindRangeLoop || from.Kind == cfg.KindForLoop
		if head && from.Stmt == next.Stmt && (s.Meets[next.Stmt] || s.Loops && s.has(next.Stmt)) {
			a.owed = 0
		}
	}
	return a
}

// fallback is the default case, if clause is the last one in front of it.
func fallback(sel *ast.SelectStmt, clause *ast.CommClause) *ast.CommClause {
	var last, def *ast.CommClause
	for _, c := range sel.Body.List {
		if c := c.(*ast.CommClause); c.Comm == nil {
			def = c
		} else {
			last = c
		}
	}
	if last != clause {
		return nil
	}
	return def
}

// offers reports whether a case of the select meets a goroutine.
func (s *leaving) offers(sel *ast.SelectStmt) bool {
	for _, c := range sel.Body.List {
		if comm := c.(*ast.CommClause).Comm; comm != nil && s.count(comm) > 0 {
			return true
		}
	}
	return false
}

// closed reports whether the i-th edge out of b is none to look at.
func (s *leaving) closed(b *cfg.Block, i int) bool {
	if (Walk{Closed: s.Closed}).closed(b, i) {
		return true
	}
	if s.Sure || len(b.Succs) != 2 {
		return false
	}
	next := b.Succs[i]
	switch stmt := next.Stmt.(type) {
	case *ast.IfStmt:
		if len(b.Nodes) == 0 || !within(b.Nodes[len(b.Nodes)-1], stmt.Cond) {
			return false
		}
		then, other := s.has(stmt.Body), stmt.Else != nil && s.has(stmt.Else)
		if next.Kind == cfg.KindIfThen {
			return other && !then
		}
		return then && !other
	case *ast.ForStmt, *ast.RangeStmt:
		done := next.Kind == cfg.KindRangeDone || next.Kind == cfg.KindForDone
		return done && !s.Loops && !s.Meets[next.Stmt] && s.has(next.Stmt)
	}
	return false
}

// ends reports whether none is left after the node.
func (s *leaving) ends(n ast.Node) (end bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		_, lit := n.(*ast.FuncLit)
		end = end || n != nil && s.Ends[n]
		return !lit && !end
	})
	return end
}

// count returns how many goroutines the node meets itself.
func (s *leaving) count(n ast.Node) (met int) {
	ast.Inspect(n, func(n ast.Node) bool {
		if _, lit := n.(*ast.FuncLit); lit {
			return false
		}
		if _, loop := n.(*ast.RangeStmt); n != nil && s.Meets[n] && !loop {
			met++
		}
		return true
	})
	return met
}

// has reports whether something in the node meets a goroutine.
func (s *leaving) has(n ast.Node) bool {
	for m := range s.Meets {
		if within(m, n) {
			return true
		}
	}
	return false
}
