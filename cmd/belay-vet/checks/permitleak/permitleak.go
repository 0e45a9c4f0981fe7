// Package permitleak finds permits that one way through a function gives back
// and another one keeps.
package permitleak

import (
	_ "embed"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports permits that a way out of the function keeps.
var Analyzer = check.New("permitleak", page, run, ctrlflow.Analyzer)

func run(pass *check.Pass) {
	all := append(code.Acquisitions(pass.Root, pass.TypesInfo), code.Sends(pass.Root, pass.TypesInfo)...)
	if len(all) == 0 {
		return
	}
	releasers := code.Releasers(pass.Root, pass.TypesInfo)
	for i := range all {
		if fn, ok := code.FuncAround(all[i].Cur); ok {
			h := &holder{pass: pass, Acquired: &all[i], releasers: releasers, fn: fn}
			h.flow = code.GraphOf(pass.Pass, fn.Node())
			_, h.body = code.FuncParts(fn.Node())
			h.report()
		}
	}
}

// holder is one acquisition in its function.
type holder struct {
	*code.Acquired
	pass      *check.Pass
	releasers map[*types.Func]bool
	fn        inspector.Cursor
	flow      *cfg.CFG
	body      *ast.BlockStmt

	closures map[*types.Var]bool // local functions that give back
	guards   []guard             // what holds where the permit is taken
	kept     map[ast.Node]bool   // conditions that decide over giving back
}

// guard is the condition of an if around the acquisition, and its value there.
type guard struct {
	text  string
	value bool
}

// guardOf says the same of a condition and of its opposite.
func guardOf(cond ast.Expr, value bool) guard {
	switch e := ast.Unparen(cond).(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return guardOf(e.X, !value)
		}
	case *ast.BinaryExpr:
		if e.Op == token.EQL {
			return guard{types.ExprString(e.X) + " != " + types.ExprString(e.Y), !value}
		}
	}
	return guard{types.ExprString(ast.Unparen(cond)), value}
}

func (h *holder) report() {
	call := h.Cur.Node()
	if h.discarded() {
		h.pass.Reportf(call.Pos(), "the permit is thrown away, so nobody can release it: keep it, and defer its Release")
		return
	}
	releases := h.releases()
	if h.flow == nil || len(releases) == 0 || h.Takes && h.Permit == nil {
		return
	}
	last := releases[len(releases)-1]
	h.lookAround(releases)
	walk := code.Walk{Covers: h.covers, Closed: h.closed}
	if h.round(walk, releases) {
		h.pass.Report(analysis.Diagnostic{Pos: call.Pos(), End: call.End(),
			Message: "a round of the loop that goes on before the release keeps what it took here, and the next one takes more: release it on each way to the next round",
			Related: []analysis.RelatedInformation{{Pos: last.Pos(), Message: "released here"}}})
		return
	}
	if h.ownPlace() {
		return // nobody is left to take from it once the function has returned
	}
	var out *ast.ReturnStmt
	for _, ret := range walk.Escapes(h.flow, call) {
		if ret.Pos() > last.Pos() {
			return // the function may mean to return with it: that is how its last line leaves
		}
		if out == nil || ret.Pos() < out.Pos() {
			out = ret
		}
	}
	if out == nil {
		return
	}
	h.pass.Report(analysis.Diagnostic{Pos: out.Pos(), End: out.End(),
		Message: "this return keeps the permit that other ways release, so that in the end nobody gets one: defer the release right after the acquisition",
		Related: []analysis.RelatedInformation{{Pos: call.Pos(), Message: "taken here"}, {Pos: last.Pos(), Message: "released here"}}})
}

// discarded reports whether nobody can release the permit: the semaphore's own
// Take was asked for it, and it went to no variable. A permit of a rate may go:
// it is used up already.
func (h *holder) discarded() bool {
	// A test that throws it away expects that there is none.
	return h.Takes && h.Permit == nil && !code.InTest(h.Cur) && code.Calls(h.Info, h.Call, code.Semaphore, "Weighted.Take", "Weighted.TryTake")
}

// releases returns what gives back in this function, closures included, from
// the acquisition on and in source order. It is empty where a defer in front
// of the acquisition gives back too: that covers every way.
func (h *holder) releases() (found []ast.Node) {
	early := false
	ast.Inspect(h.body, func(n ast.Node) bool {
		if d, ok := n.(*ast.DeferStmt); ok && d.Pos() < h.Cur.Node().Pos() && h.gives(d) {
			early = true
		}
		if n != nil && h.Release(n) && n.Pos() > h.Cur.Node().Pos() {
			found = append(found, n)
		}
		return true
	})
	if early || h.Call == nil && !h.slots(found) {
		return nil
	}
	return found
}

// slots reports whether the channel is a semaphore for certain: what is sent to
// it comes back in the same function, or when a task of it ends. A channel
// whose reader is another goroutine may be a signal.
func (h *holder) slots(releases []ast.Node) bool {
	for cur := range h.fn.Preorder((*ast.UnaryExpr)(nil)) {
		if !slices.Contains(releases, cur.Node()) {
			continue
		}
		if _, ok := cur.Parent().Node().(*ast.ExprStmt); !ok {
			return false
		}
		home, _ := code.FuncAround(cur)
		for d := range cur.Enclosing((*ast.DeferStmt)(nil)) {
			if contains(h.body, d.Node()) {
				return true
			}
		}
		if home == h.fn {
			return true
		}
	}
	return false
}

// lookAround notes what the walk must know of the function.
func (h *holder) lookAround(releases []ast.Node) {
	h.closures, h.kept = map[*types.Var]bool{}, map[ast.Node]bool{}
	for cur := range h.fn.Preorder((*ast.AssignStmt)(nil), (*ast.IfStmt)(nil), (*ast.SwitchStmt)(nil)) {
		switch s := cur.Node().(type) {
		case *ast.SwitchStmt:
			if s.Tag != nil && h.About(s.Tag) {
				h.kept[s.Tag] = true // which case is the failed one, no edge says
			}
		case *ast.AssignStmt:
			for i, right := range s.Rhs {
				if lit, ok := ast.Unparen(right).(*ast.FuncLit); ok && h.Releases(lit) {
					h.closures[code.Var(h.Info, s.Lhs[i])] = true
				}
			}
		case *ast.IfStmt:
			// Who releases under a condition holds under it: the two belong
			// together in a way that no walk sees.
			if !contains(s, h.Cur.Node()) && holdsAny(s, releases) && h.IfFailed(s.Cond) == code.Silent && !h.mustBe(s) {
				h.kept[s.Cond] = true
			}
		}
	}
	child := h.Cur.Node()
	for cur := range h.Cur.Parent().Enclosing() {
		if cur == h.fn {
			break
		}
		if s, ok := cur.Node().(*ast.IfStmt); ok && child != s.Init && child != ast.Node(s.Cond) {
			h.guards = append(h.guards, guardOf(s.Cond, child == ast.Node(s.Body)))
		}
		child = cur.Node()
	}
}

// mustBe reports whether the if ends the function when an error is there: then
// what it releases says nothing about the other ways.
func (h *holder) mustBe(s *ast.IfStmt) bool {
	b, ok := ast.Unparen(s.Cond).(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ || !h.Info.Types[b.Y].IsNil() || len(s.Body.List) == 0 || s.Else != nil {
		return false
	}
	t := h.Info.TypeOf(b.X)
	_, ends := s.Body.List[len(s.Body.List)-1].(*ast.ReturnStmt)
	return ends && types.Identical(t, types.Universe.Lookup("error").Type())
}

// gives reports whether the node releases, or hands that to somebody who may.
func (h *holder) gives(n ast.Node) bool {
	return h.Releases(n) || h.Passes(n) || code.Has(n, func(m ast.Node) bool {
		id, ok := m.(*ast.Ident)
		if !ok {
			return false
		}
		switch obj := h.Info.Uses[id].(type) {
		case *types.Func:
			return h.releasers[obj.Origin()]
		case *types.Var:
			return h.closures[obj]
		}
		return false
	})
}

func (h *holder) covers(n ast.Node) bool {
	if h.kept[n] {
		return true
	}
	if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 0 {
		return false
	}
	return h.gives(n)
}

// closed holds for the edges that a failed acquisition may lead to, as long as
// its result is the one looked at, and for those that the guards rule out.
func (h *holder) closed(cond ast.Expr, value bool) bool {
	this := guardOf(cond, value)
	for _, g := range h.guards {
		if g.text == this.text && g.value != this.value {
			return true
		}
	}
	if h.overwritten(cond.Pos()) {
		return false
	}
	switch h.IfFailed(cond) {
	case code.Holds:
		return value
	case code.Fails:
		return !value
	case code.Unclear:
		return true
	}
	return false
}

// overwritten reports whether, in the text between the acquisition and pos,
// the variable with the result gets another value.
func (h *holder) overwritten(pos token.Pos) bool {
	return h.Var != nil && code.Has(h.body, func(n ast.Node) bool {
		s, ok := n.(*ast.AssignStmt)
		if !ok || s.Pos() <= h.Cur.Node().End() || s.End() > pos {
			return false
		}
		for _, left := range s.Lhs {
			if id, ok := left.(*ast.Ident); ok && h.Info.ObjectOf(id) == types.Object(h.Var) {
				return true
			}
		}
		return false
	})
}

// round reports whether a round of the loop around can come back to the
// acquisition with the permit still held, though the loop itself releases.
func (h *holder) round(walk code.Walk, releases []ast.Node) bool {
	loop := h.loop()
	if loop == nil || h.Tries || !h.always(loop, releases) {
		return false
	}
	again := func(n ast.Node) bool { return contains(n, h.Cur.Node()) }
	return walk.Between(h.flow, h.Cur.Node(), again) != nil
}

// always reports whether one of the releases is part of each round of the loop
// that gets as far as its end. A loop that only gives back when it fails
// collects permits.
func (h *holder) always(loop *ast.BlockStmt, releases []ast.Node) bool {
	for _, stmt := range loop.List {
		switch stmt.(type) {
		case *ast.ExprStmt, *ast.GoStmt, *ast.AssignStmt:
			if stmt.Pos() > h.Cur.Node().End() && holdsAny(stmt, releases) {
				return true
			}
		}
	}
	return false
}

// loop returns the body of the innermost loop around the acquisition.
func (h *holder) loop() *ast.BlockStmt {
	for cur := range h.Cur.Parent().Enclosing() {
		if cur == h.fn {
			break
		}
		switch s := cur.Node().(type) {
		case *ast.ForStmt:
			return s.Body
		case *ast.RangeStmt:
			return s.Body
		}
	}
	return nil
}

// ownPlace reports whether the semaphore is a variable of this very function.
func (h *holder) ownPlace() bool {
	if h.Takes {
		return false
	}
	id, ok := ast.Unparen(h.From).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := h.Info.ObjectOf(id).(*types.Var)
	return ok && contains(h.body, nodeAt(v.Pos()))
}

// nodeAt is a position as a node.
type nodeAt token.Pos

func (n nodeAt) Pos() token.Pos { return token.Pos(n) }
func (n nodeAt) End() token.Pos { return token.Pos(n) }

func contains(outer, inner ast.Node) bool {
	return outer.Pos() <= inner.Pos() && inner.End() <= outer.End()
}

func holdsAny(outer ast.Node, nodes []ast.Node) bool {
	for _, n := range nodes {
		if contains(outer, n) {
			return true
		}
	}
	return false
}
