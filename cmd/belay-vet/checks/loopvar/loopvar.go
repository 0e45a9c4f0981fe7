// Package loopvar finds copies of loop variables that were made for goroutines
// when all rounds of a loop shared one variable.
package loopvar

import (
	_ "embed"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports x := x in loops that start goroutines.
var Analyzer = check.New("loopvar", page, run)

func run(pass *check.Pass) {
	for _, file := range pass.Files {
		// Without a version it is the newest.
		if v := pass.TypesInfo.FileVersions[file]; v != "" && version.Compare(v, "go1.22") < 0 {
			continue
		}
		cur, ok := pass.Root.FindNode(file)
		if !ok {
			continue
		}
		for loop := range cur.Preorder((*ast.RangeStmt)(nil), (*ast.ForStmt)(nil)) {
			l := loopAt(pass.TypesInfo, loop)
			if len(l.vars) == 0 || !starts(pass.TypesInfo, l.body) {
				continue
			}
			for i, stmt := range l.body.List {
				if copied, ok := stmt.(*ast.AssignStmt); ok && l.leftover(copied) && alone(pass, file, l.body, i) {
					report(pass, copied)
				}
			}
		}
	}
}

// loop is a loop that declares variables.
type loop struct {
	info  *types.Info
	cur   inspector.Cursor
	body  *ast.BlockStmt
	vars  map[*types.Var]bool
	three bool // for init; cond; post: what a round leaves is what the next begins with
}

func loopAt(info *types.Info, cur inspector.Cursor) loop {
	l := loop{info: info, cur: cur, vars: map[*types.Var]bool{}}
	declare := func(names ...ast.Expr) {
		for _, name := range names {
			if id, ok := name.(*ast.Ident); ok {
				if v, ok := info.Defs[id].(*types.Var); ok {
					l.vars[v] = true
				}
			}
		}
	}
	switch n := cur.Node().(type) {
	case *ast.RangeStmt:
		l.body = n.Body
		declare(n.Key, n.Value)
	case *ast.ForStmt:
		l.body, l.three = n.Body, true
		if init, ok := n.Init.(*ast.AssignStmt); ok {
			declare(init.Lhs...)
		}
	}
	return l
}

// starts reports whether the body starts goroutines, or tasks of a group.
func starts(info *types.Info, body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			found = found || code.Calls(info, n, code.Errgroup, "Group.Go", "Group.TryGo", "Group.GoContext") ||
				code.Calls(info, n, code.WaitGroup, "WaitGroup.Go", "WaitGroup.GoNamed")
		}
		return !found
	})
	return found
}

// leftover reports whether the statement copies variables of the loop under
// their own names, and whether the loop does the same without it.
func (l loop) leftover(s *ast.AssignStmt) bool {
	if s.Tok != token.DEFINE || len(s.Lhs) != len(s.Rhs) {
		return false
	}
	for i := range s.Lhs {
		to, ok := s.Lhs[i].(*ast.Ident)
		from, ok2 := s.Rhs[i].(*ast.Ident)
		if !ok || !ok2 || to.Name != from.Name {
			return false
		}
		copied, ok := l.info.Defs[to].(*types.Var)
		original, ok2 := l.info.Uses[from].(*types.Var)
		if !ok || !ok2 || !l.vars[original] || !l.same(copied, original, from) {
			return false
		}
	}
	return true
}

// same reports whether it makes no difference that the two are one variable.
func (l loop) same(copied, original *types.Var, from *ast.Ident) bool {
	uses := 0 // of the original in the body
	shared := false
	body, _ := l.cur.FindNode(l.body)
	for cur := range body.Preorder((*ast.Ident)(nil)) {
		id := cur.Node().(*ast.Ident)
		switch l.info.Uses[id] {
		case original:
			if id == from {
				continue
			}
			uses++
			if kind := touch(l.info, cur); kind != reads {
				return false
			}
		case copied:
			switch touch(l.info, cur) {
			case assigns:
				return false
			case shares:
				shared = true
			}
		}
	}
	// A part of the copy is set, or its address taken: to the next round of
	// the loop, and to whoever has the original, that is no change so far.
	return !shared || !l.three && uses == 0
}

// What an expression does with the variable in it.
type kind int

const (
	reads   kind = iota
	shares       // takes its address, or sets a part of it
	assigns      // sets it
)

func touch(info *types.Info, id inspector.Cursor) kind {
	whole := true
	for cur := id; ; cur = cur.Parent() {
		switch cur.ParentEdgeKind() {
		case edge.AssignStmt_Lhs, edge.IncDecStmt_X, edge.RangeStmt_Key, edge.RangeStmt_Value:
			if whole {
				return assigns
			}
			return shares
		case edge.UnaryExpr_X:
			if cur.Parent().Node().(*ast.UnaryExpr).Op == token.AND {
				return shares
			}
			return reads
		case edge.SelectorExpr_X:
			sel := cur.Parent().Node().(*ast.SelectorExpr)
			if s := info.Selections[sel]; s != nil && s.Kind() != types.FieldVal {
				if f, ok := s.Obj().(*types.Func); ok && pointerMethod(f) {
					return shares
				}
				return reads
			}
			whole = false
		case edge.IndexExpr_X, edge.SliceExpr_X:
			// Of an array; to set an element of a slice or a map is a change of
			// what both variables refer to, and does no harm here.
			whole = false
			if cur.ParentEdgeKind() == edge.SliceExpr_X {
				return shares
			}
		case edge.ParenExpr_X:
		default:
			return reads
		}
	}
}

func pointerMethod(f *types.Func) bool {
	recv := f.Signature().Recv()
	if recv == nil {
		return false
	}
	_, pointer := types.Unalias(recv.Type()).(*types.Pointer)
	return pointer
}

// alone reports whether the i-th statement of the body has its lines for
// itself, but for a comment behind it.
func alone(pass *check.Pass, file *ast.File, body *ast.BlockStmt, i int) bool {
	line := func(pos token.Pos) int { return pass.Fset.PositionFor(pos, false).Line }
	stmt := body.List[i]
	before, after := line(body.Lbrace), line(body.Rbrace)
	if i > 0 {
		before = line(body.List[i-1].End())
	}
	if i+1 < len(body.List) {
		after = line(body.List[i+1].Pos())
	}
	if before >= line(stmt.Pos()) || after <= line(stmt.End()) {
		return false
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if line(c.Pos()) < line(stmt.Pos()) && line(c.End()) >= line(stmt.Pos()) ||
				line(c.Pos()) <= line(stmt.End()) && line(c.End()) > line(stmt.End()) {
				return false
			}
		}
	}
	return true
}

func report(pass *check.Pass, s *ast.AssignStmt) {
	file := pass.Fset.File(s.Pos())
	first := file.PositionFor(s.Pos(), false).Line
	last := file.PositionFor(s.End(), false).Line
	var names []string
	for _, name := range s.Lhs {
		names = append(names, name.(*ast.Ident).Name)
	}
	pass.Report(analysis.Diagnostic{
		Pos: s.Pos(), End: s.End(),
		Message: "the copy of " + strings.Join(names, ", ") + " does nothing: since Go 1.22 each round of the loop has its own; remove the line",
		SuggestedFixes: []analysis.SuggestedFix{{
			Message:   "remove the line",
			TextEdits: []analysis.TextEdit{{Pos: file.LineStart(first), End: file.LineStart(last + 1)}},
		}},
	})
}
