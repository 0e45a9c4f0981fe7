// Package groupctx finds derived contexts of an errgroup that are used after
// its Wait, and those that no task uses.
package groupctx

import (
	_ "embed"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports uses of a group's context after Wait, and tasks that have
// no use for it.
var Analyzer = check.New("groupctx", page, run, ctrlflow.Analyzer)

// derivation is a statement g, ctx := errgroup.WithContext(parent), or one with
// = or var.
type derivation struct {
	stmt   ast.Node
	names  []ast.Expr
	call   *ast.CallExpr
	group  *types.Var
	ctx    *types.Var       // nil if it is discarded
	around inspector.Cursor // the innermost function
}

func run(pass *check.Pass) {
	flows := pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)
	spoilt := newSpoilt(pass)
	reported := map[ast.Node]bool{}
	for cur := range pass.Root.Preorder((*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil)) {
		d, ok := derivationAt(pass.TypesInfo, cur)
		if !ok {
			continue
		}
		if d.ctx == nil {
			discarded(pass, d)
			continue
		}
		if use, wait := spoilt.afterWait(d, code.Graph(flows, d.around.Node())); use != nil && !reported[use] {
			reported[use] = true
			pass.Report(analysis.Diagnostic{
				Pos: use.Pos(), End: use.End(),
				Message: use.Name + " is the group's context, and cancelled since " + d.group.Name() +
					".Wait returned: use the context that it was derived from, under a name of its own",
				Related: []analysis.RelatedInformation{
					{Pos: d.stmt.Pos(), End: d.stmt.End(), Message: "derived here"},
					{Pos: wait.Pos(), End: wait.End(), Message: "cancelled here"},
				},
			})
		}
		unused(pass, d)
	}
}

func derivationAt(info *types.Info, cur inspector.Cursor) (derivation, bool) {
	d := derivation{stmt: cur.Node()}
	var values []ast.Expr
	switch s := d.stmt.(type) {
	case *ast.AssignStmt:
		d.names, values = s.Lhs, s.Rhs
	case *ast.ValueSpec:
		for _, name := range s.Names {
			d.names = append(d.names, name)
		}
		values = s.Values
	}
	if len(d.names) != 2 || len(values) != 1 {
		return derivation{}, false
	}
	call, ok := ast.Unparen(values[0]).(*ast.CallExpr)
	if !ok || !code.Calls(info, call, code.Errgroup, "WithContext", "New") {
		return derivation{}, false
	}
	d.call = call
	d.group, d.ctx = local(info, d.names[0]), local(info, d.names[1])
	d.around, ok = code.FuncAround(cur)
	id, named := d.names[1].(*ast.Ident)
	return d, ok && named && d.group != nil && (d.ctx == nil) == (id.Name == "_")
}

// local returns the local variable, or parameter, that e names.
func local(info *types.Info, e ast.Expr) *types.Var {
	id, ok := e.(*ast.Ident)
	if !ok || id.Name == "_" {
		return nil
	}
	v, _ := info.ObjectOf(id).(*types.Var)
	if v == nil || v.IsField() || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
		return nil
	}
	return v
}

// afterWait returns the first use of the derived context, on a way past Wait,
// that cannot go well, and that Wait.
func (s *spoilt) afterWait(d derivation, flow *cfg.CFG) (use *ast.Ident, wait ast.Node) {
	if flow == nil {
		return nil, nil
	}
	var found []ast.Node
	toWait := code.Walk{Covers: func(n ast.Node) bool {
		other := assigns(s.info, n, d.group) || assigns(s.info, n, d.ctx)
		ends := !other && waits(s.info, n, d.group)
		if ends {
			found = append(found, n)
		}
		return other || ends
	}}
	toWait.Escape(flow, d.stmt)
	for _, wait := range found {
		afterwards := code.Walk{Covers: func(n ast.Node) bool {
			if use == nil {
				use = s.use(n, d.ctx)
			}
			return use != nil || assigns(s.info, n, d.ctx)
		}}
		afterwards.Escape(flow, wait)
		if use != nil {
			return use, wait
		}
	}
	return nil, nil
}

// waits reports whether the node itself calls Wait of the group.
func waits(info *types.Info, n ast.Node, group *types.Var) (found bool) {
	switch n.(type) {
	case *ast.DeferStmt, *ast.GoStmt:
		return false
	}
	code.Direct(n, func(m ast.Node) bool {
		call, ok := m.(*ast.CallExpr)
		found = found || ok && code.Calls(info, call, code.Errgroup, "Group.Wait") && code.Var(info, code.Receiver(call)) == group
		return !found
	})
	return found
}

// assigns reports whether the node gives the variable another value.
func assigns(info *types.Info, n ast.Node, v *types.Var) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if id, ok := l.(*ast.Ident); ok && info.ObjectOf(id) == v {
				return true
			}
		}
	case *ast.ValueSpec:
		for _, id := range n.Names {
			if info.ObjectOf(id) == v {
				return true
			}
		}
	}
	return false
}

// discarded reports a derived context that nobody keeps.
func discarded(pass *check.Pass, d derivation) {
	if code.Calls(pass.TypesInfo, d.call, code.Errgroup, "New") || handsOut(pass, d) {
		return
	}
	if g := groupOf(pass.TypesInfo, d); g != nil && cannotFail(g) {
		return
	}
	diagnostic := analysis.Diagnostic{
		Pos: d.stmt.Pos(), End: d.stmt.End(),
		Message: "the group's context is discarded: a task that fails cancels nothing; give it to the tasks, or make the group without one",
	}
	sel, ok := ast.Unparen(d.call.Fun).(*ast.SelectorExpr)
	assign, ok2 := d.stmt.(*ast.AssignStmt)
	if ok && ok2 && droppable(pass, d) {
		pkg := sel.X.(*ast.Ident).Name
		diagnostic.SuggestedFixes = []analysis.SuggestedFix{{
			Message: "make the group without a context, which changes nothing",
			TextEdits: []analysis.TextEdit{{
				Pos: d.names[0].End(), End: d.stmt.End(),
				NewText: []byte(" " + assign.Tok.String() + " new(" + pkg + ".Group)"),
			}},
		}}
	}
	pass.Report(diagnostic)
}

// handsOut reports whether the group is one of ours and gives its context to
// tasks all by itself, or might somewhere else.
func handsOut(pass *check.Pass, d derivation) bool {
	f := code.Callee(pass.TypesInfo, d.call)
	if f.Pkg().Path() == code.Errgroup[0] {
		return false
	}
	g := groupOf(pass.TypesInfo, d)
	return g == nil || g.Escapes || len(g.Called("GoContext")) > 0
}

// droppable reports whether the program still compiles, and does the same,
// without the parent in the call.
func droppable(pass *check.Pass, d derivation) bool {
	info := pass.TypesInfo
	fine := true
	ast.Inspect(d.call.Args[0], func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			// Calls of other functions may do something.
			fine = fine && code.CallsStd(info, n, "context", "Background", "TODO")
		case *ast.UnaryExpr:
			fine = fine && n.Op != token.ARROW
		case *ast.FuncLit, *ast.IndexExpr, *ast.StarExpr:
			fine = false
		case *ast.Ident:
			switch obj := info.Uses[n].(type) {
			case *types.Var:
				fine = fine && (obj.IsField() || used(pass, obj, d.call))
			case *types.PkgName:
				fine = fine && used(pass, obj, d.call)
			}
		}
		return fine
	})
	return fine
}

// used reports whether the object is one that may stay unused, or has a use
// outside of the call.
func used(pass *check.Pass, obj types.Object, call *ast.CallExpr) bool {
	if v, ok := obj.(*types.Var); ok && v.Kind() != types.LocalVar {
		return true
	}
	for id, o := range pass.TypesInfo.Uses {
		if o == obj && (id.Pos() < call.Pos() || id.Pos() >= call.End()) {
			if _, v := obj.(*types.Var); !v || !assignedAt(pass, id) {
				return true
			}
		}
	}
	return false
}

// assignedAt reports whether the identifier is on the left of an assignment,
// which is no use to the compiler.
func assignedAt(pass *check.Pass, id *ast.Ident) bool {
	cur, ok := pass.Root.FindNode(id)
	if !ok {
		return false
	}
	s, ok := cur.Parent().Node().(*ast.AssignStmt)
	return ok && id.Pos() < s.TokPos
}
