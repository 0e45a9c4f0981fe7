package code

// This file follows a channel that a function makes for itself: who sends on
// it, who receives, who closes it, and whether anybody else can have it.

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Channel is a channel in a variable of its own, v := make(chan T), all uses
// of which are known.
type Channel struct {
	Var      *types.Var
	Make     *ast.CallExpr
	Buffered bool
	Home     inspector.Cursor // the *ast.FuncDecl or *ast.FuncLit that makes it
	Uses     []ChannelUse
}

// ChannelUse is one thing that is done with a channel.
type ChannelUse struct {
	Op Op
	// Node is the *ast.SendStmt, the *ast.UnaryExpr that receives, the
	// *ast.RangeStmt or the *ast.CallExpr of close.
	Node ast.Node
	// In is the goroutine that does it; nil for the channel's home.
	In *Routine
	// Defer is the statement that puts it off to the function's end, nil if it
	// is done in its place.
	Defer *ast.DeferStmt
	// Select is the select statement that has it as a case, if one does.
	Select *ast.SelectStmt
}

// Op is what is done with a channel.
type Op int

// What can be done with a channel.
const (
	Send Op = iota
	Receive
	Range
	Close
)

// Routine is a goroutine that a function starts.
type Routine struct {
	Go   inspector.Cursor // the go statement, or the statement that calls a group's Go
	Func ast.Node         // the *ast.FuncLit or *ast.FuncDecl that it runs
	Body *ast.BlockStmt
}

// Channels returns the channels that functions of the package make for
// themselves and give to nobody but goroutines that they start.
func Channels(info *types.Info, root inspector.Cursor) []*Channel {
	var found []*Channel
	var f *follower
	for call := range root.Preorder((*ast.CallExpr)(nil)) {
		ch := makes(info, call)
		if ch == nil {
			continue
		}
		if f == nil {
			f = newFollower(info, root)
		}
		f.ch, f.routines = ch, map[ast.Node]*Routine{}
		if f.follow(ch.Var, ch.Home.Node(), nil) {
			found = append(found, ch)
		}
	}
	return found
}

// makes returns the channel of a call of make whose result becomes a variable
// there and then.
func makes(info *types.Info, call inspector.Cursor) *Channel {
	c := call.Node().(*ast.CallExpr)
	if !isBuiltin(info, c, "make") {
		return nil
	}
	if !isChan(info.TypeOf(c)) {
		return nil
	}
	var name *ast.Ident
	switch kind, i := call.ParentEdge(); kind {
	case edge.AssignStmt_Rhs:
		s := call.Parent().Node().(*ast.AssignStmt)
		if s.Tok == token.DEFINE && len(s.Lhs) == len(s.Rhs) {
			name, _ = s.Lhs[i].(*ast.Ident)
		}
	case edge.ValueSpec_Values:
		if s := call.Parent().Node().(*ast.ValueSpec); len(s.Names) == len(s.Values) {
			name = s.Names[i]
		}
	}
	if name == nil {
		return nil
	}
	v, _ := info.Defs[name].(*types.Var)
	home, ok := FuncAround(call)
	if v == nil || !ok {
		return nil
	}
	ch := &Channel{Var: v, Make: c, Home: home}
	if len(c.Args) > 1 {
		size := info.Types[c.Args[1]].Value
		ch.Buffered = size == nil || constant.Sign(size) > 0
	}
	return ch
}

func isBuiltin(info *types.Info, call *ast.CallExpr, name string) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok || id.Name != name {
		return false
	}
	_, ok = info.Uses[id].(*types.Builtin)
	return ok
}

// follower goes after one channel from variable to parameter.
type follower struct {
	info  *types.Info
	uses  map[*types.Var][]inspector.Cursor
	decls map[*types.Func]*ast.FuncDecl

	ch       *Channel
	routines map[ast.Node]*Routine // by the statement that starts them
}

func newFollower(info *types.Info, root inspector.Cursor) *follower {
	f := &follower{info, map[*types.Var][]inspector.Cursor{}, map[*types.Func]*ast.FuncDecl{}, nil, nil}
	for c := range root.Preorder((*ast.Ident)(nil), (*ast.FuncDecl)(nil)) {
		switch n := c.Node().(type) {
		case *ast.Ident:
			if v, ok := info.Uses[n].(*types.Var); ok && isChan(v.Type()) {
				f.uses[v] = append(f.uses[v], c)
			}
		case *ast.FuncDecl:
			if fn, ok := info.Defs[n.Name].(*types.Func); ok {
				f.decls[fn] = n
			}
		}
	}
	return f
}

func isChan(t types.Type) bool {
	if t == nil {
		return false // make of what isn't a type
	}
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

// follow notes what is done with v, a variable or parameter of fn, which runs
// in the goroutine or, for nil, in the channel's home. It reports false when
// something is done that it doesn't know.
func (f *follower) follow(v *types.Var, fn ast.Node, in *Routine) bool {
	for _, c := range f.uses[v] {
		for c.ParentEdgeKind() == edge.ParenExpr_X {
			c = c.Parent()
		}
		use, known := f.classify(c)
		if !known {
			if !f.handedOver(c, fn, in) {
				return false
			}
			continue
		}
		if use.Node == nil {
			continue
		}
		use.In = in
		if !f.place(&use, c, fn) {
			return false
		}
		f.ch.Uses = append(f.ch.Uses, use)
	}
	return true
}

// classify says what is done with the channel at c.
func (f *follower) classify(c inspector.Cursor) (use ChannelUse, known bool) {
	parent := c.Parent()
	switch n := parent.Node().(type) {
	case *ast.SendStmt:
		if c.ParentEdgeKind() == edge.SendStmt_Chan {
			use = ChannelUse{Op: Send, Node: n}
		}
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			use = ChannelUse{Op: Receive, Node: n}
		}
	case *ast.RangeStmt:
		if c.ParentEdgeKind() == edge.RangeStmt_X {
			use = ChannelUse{Op: Range, Node: n}
		}
	case *ast.BinaryExpr:
		return use, true
	case *ast.CallExpr:
		switch {
		case isBuiltin(f.info, n, "close"):
			use = ChannelUse{Op: Close, Node: n}
		case isBuiltin(f.info, n, "len"), isBuiltin(f.info, n, "cap"):
			return use, true
		}
	}
	if use.Node == nil {
		return use, false
	}
	for up := range parent.Enclosing((*ast.CommClause)(nil), (*ast.BlockStmt)(nil)) {
		if clause, ok := up.Node().(*ast.CommClause); ok && within(use.Node, clause.Comm) {
			use.Select = up.Parent().Parent().Node().(*ast.SelectStmt)
		}
		break
	}
	return use, true
}

// place finds the goroutine that the use is in, which must be fn itself, a
// function that fn puts off to its end, or one that the channel's home starts.
func (f *follower) place(use *ChannelUse, c inspector.Cursor, fn ast.Node) bool {
	at, ok := FuncAround(c)
	if ok && at.Node() != fn {
		if stmt, isDefer := deferred(at); isDefer {
			use.Defer = stmt
			at, ok = FuncAround(at)
		}
	} else if stmt, isDefer := c.Parent().Parent().Node().(*ast.DeferStmt); isDefer {
		use.Defer = stmt
	}
	if !ok {
		return false
	}
	if at.Node() == fn {
		return true
	}
	if use.In != nil {
		return false
	}
	use.In = f.started(at)
	if use.In != nil && use.Defer == nil {
		if stmt, isDefer := c.Parent().Parent().Node().(*ast.DeferStmt); isDefer {
			use.Defer = stmt
		}
	}
	return use.In != nil
}

// deferred returns the statement that defers a call of the literal.
func deferred(lit inspector.Cursor) (*ast.DeferStmt, bool) {
	if lit.ParentEdgeKind() != edge.CallExpr_Fun {
		return nil, false
	}
	stmt, ok := lit.Parent().Parent().Node().(*ast.DeferStmt)
	return stmt, ok
}

// started returns the goroutine that the channel's home starts with the
// literal; nil if it does something else with it.
func (f *follower) started(lit inspector.Cursor) *Routine {
	l, ok := lit.Node().(*ast.FuncLit)
	if !ok {
		return nil
	}
	call := lit.Parent()
	c, ok := call.Node().(*ast.CallExpr)
	if !ok {
		return nil
	}
	stmt := call.Parent()
	switch stmt.Node().(type) {
	case *ast.GoStmt:
		if lit.ParentEdgeKind() != edge.CallExpr_Fun {
			return nil
		}
	case *ast.ExprStmt:
		if lit.ParentEdgeKind() != edge.CallExpr_Args || !startsGoroutine(f.info, c) {
			return nil
		}
	default:
		return nil
	}
	return f.routine(stmt, l, l.Body)
}

func startsGoroutine(info *types.Info, call *ast.CallExpr) bool {
	return CallsStd(info, call, "sync", "WaitGroup.Go") || Calls(info, call, Errgroup, "Group.Go") ||
		CallsStd(info, call, "github.com/belay-go/belay/timeout", "WaitGroup.Go")
}

// routine returns the goroutine that the statement starts, if it is the
// home's own statement.
func (f *follower) routine(stmt inspector.Cursor, fn ast.Node, body *ast.BlockStmt) *Routine {
	if at, ok := FuncAround(stmt); !ok || at.Node() != f.ch.Home.Node() {
		return nil
	}
	r := f.routines[stmt.Node()]
	if r == nil {
		r = &Routine{stmt, fn, body}
		f.routines[stmt.Node()] = r
	}
	return r
}

// handedOver follows the channel into the goroutine that gets it as an
// argument: go func(c chan<- T) { ... }(ch), go s.serve(ch).
func (f *follower) handedOver(c inspector.Cursor, fn ast.Node, in *Routine) bool {
	kind, i := c.ParentEdge()
	if kind != edge.CallExpr_Args || in != nil {
		return false
	}
	call := c.Parent()
	stmt := call.Parent()
	if at, ok := FuncAround(c); !ok || at.Node() != fn || stmt.ParentEdgeKind() == edge.Invalid {
		return false
	}
	if _, ok := stmt.Node().(*ast.GoStmt); !ok {
		return false
	}
	n := call.Node().(*ast.CallExpr)
	var callee ast.Node
	var params *ast.FieldList
	var body *ast.BlockStmt
	if lit, ok := n.Fun.(*ast.FuncLit); ok {
		callee, params, body = lit, lit.Type.Params, lit.Body
	} else if d := f.decls[Callee(f.info, n)]; d != nil && d.Body != nil && d.Type.TypeParams == nil {
		callee, params, body = d, d.Type.Params, d.Body
	} else {
		return false
	}
	v := f.param(params, i)
	if v == nil || n.Ellipsis.IsValid() || !isChan(v.Type()) {
		return false
	}
	r := f.routine(stmt, callee, body)
	return r != nil && f.follow(v, callee, r)
}

func (f *follower) param(params *ast.FieldList, i int) *types.Var {
	for _, field := range params.List {
		for _, name := range field.Names {
			if i == 0 {
				v, _ := f.info.Defs[name].(*types.Var)
				return v
			}
			i--
		}
	}
	return nil
}

func within(n, outer ast.Node) bool {
	return outer != nil && outer.Pos() <= n.Pos() && n.End() <= outer.End()
}

// Many reports whether the goroutine is one of a number that the source
// doesn't say: it starts in a loop that the channel was made in front of.
func (r *Routine) Many(ch *Channel) bool {
	return r.below(ch, (*ast.ForStmt)(nil), (*ast.RangeStmt)(nil))
}

// Perhaps reports whether the goroutine starts under a condition that came
// after the channel was made.
func (r *Routine) Perhaps(ch *Channel) bool {
	return r.below(ch, (*ast.IfStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil))
}

func (r *Routine) below(ch *Channel, types ...ast.Node) bool {
	for up := range r.Go.Enclosing(types...) {
		if within(up.Node(), ch.Home.Node()) && !within(ch.Make, up.Node()) {
			return true
		}
	}
	return false
}

// IsMain reports whether fn is a program's main: what it leaves behind ends
// with the process.
func IsMain(pkg *types.Package, fn ast.Node) bool {
	decl, ok := fn.(*ast.FuncDecl)
	return ok && pkg.Name() == "main" && decl.Recv == nil && decl.Name.Name == "main"
}
