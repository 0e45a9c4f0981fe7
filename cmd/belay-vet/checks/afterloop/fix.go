package afterloop

// The fix: one timer in front of the loop, reset in front of the select.

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// fix returns the edits, or nothing where a name or a value stands in the way.
// The timer runs from before the first round, and the Reset there starts it
// anew; it needs no Stop, since nobody refers to it after the loop, and no
// drain, since after a Reset the channel has no value from before it.
func fix(pass *check.Pass, f find, all []find) []analysis.SuggestedFix {
	duration := f.call.Args[0]
	before, ok1 := inList(f.loop)
	again, ok2 := inList(f.sel)
	if !ok1 || !ok2 || !steady(pass.TypesInfo, duration, f.loop.Node()) || hasGoto(f.fn) {
		return nil
	}
	// Two timers of one function would need two names.
	for _, other := range all {
		if other.fn == f.fn && other.call != f.call {
			return nil
		}
	}
	const name = "timer"
	if taken(pass, f.loop.Node(), f.fn, name) {
		return nil
	}
	qualifier := ""
	if sel, ok := ast.Unparen(f.call.Fun).(*ast.SelectorExpr); ok {
		qualifier = types.ExprString(sel.X) + "."
	}
	var d bytes.Buffer
	if format.Node(&d, pass.Fset, duration) != nil {
		return nil
	}
	insert := func(at token.Pos, text string) analysis.TextEdit {
		return analysis.TextEdit{Pos: at, End: at, NewText: []byte(text)}
	}
	return []analysis.SuggestedFix{{
		Message: "make the timer once, and reset it in each round",
		TextEdits: []analysis.TextEdit{
			insert(before, fmt.Sprintf("%s := %sNewTimer(%s)\n", name, qualifier, d.String())),
			insert(again, fmt.Sprintf("%s.Reset(%s)\n", name, d.String())),
			{Pos: f.call.Pos(), End: f.call.End(), NewText: []byte(name + ".C")},
		},
	}}
}

// inList returns where a statement can be put in front of the one at cur, and
// of its labels; false if it stands where only one can.
func inList(cur inspector.Cursor) (token.Pos, bool) {
	for {
		switch parent := cur.Parent().Node().(type) {
		case *ast.LabeledStmt:
			cur = cur.Parent()
		case *ast.BlockStmt, *ast.CaseClause:
			return cur.Node().Pos(), true
		case *ast.CommClause:
			return cur.Node().Pos(), parent.Comm != cur.Node()
		default:
			return token.NoPos, false
		}
	}
}

// steady reports whether the expression has the same value in front of the
// loop as in each round, and no effect: constants, and variables of the
// function that are declared outside of the loop and not set in it.
func steady(info *types.Info, e ast.Expr, loop ast.Node) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		if x, isExpr := n.(ast.Expr); isExpr && info.Types[x].Value != nil {
			return false
		}
		switch n := n.(type) {
		case nil, *ast.ParenExpr:
		case *ast.BinaryExpr:
			ok = ok && n.Op != token.QUO && n.Op != token.REM && n.Op != token.SHL && n.Op != token.SHR
		case *ast.CallExpr:
			ok = ok && info.Types[n.Fun].IsType() // a conversion
			return ok && steadyAll(info, n.Args, loop, &ok)
		case *ast.Ident:
			v, isVar := info.Uses[n].(*types.Var)
			ok = ok && isVar && !within(loop, v.Pos()) && local(v) && !set(info, loop, v)
		default:
			ok = false
		}
		return ok
	})
	return ok
}

// steadyAll asks about a conversion's operand, and keeps its type's name from
// being taken for a variable.
func steadyAll(info *types.Info, args []ast.Expr, loop ast.Node, ok *bool) bool {
	for _, arg := range args {
		*ok = *ok && steady(info, arg, loop)
	}
	return false
}

func within(n ast.Node, pos token.Pos) bool { return n.Pos() <= pos && pos < n.End() }

func local(v *types.Var) bool {
	return !v.IsField() && v.Pkg() != nil && v.Parent() != v.Pkg().Scope()
}

// set reports whether the loop gives the variable a value, or its address away.
func set(info *types.Info, loop ast.Node, v *types.Var) (found bool) {
	ast.Inspect(loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				found = found || code.Var(info, left) == v
			}
		case *ast.IncDecStmt:
			found = found || code.Var(info, n.X) == v
		case *ast.RangeStmt:
			found = found || n.Key != nil && code.Var(info, n.Key) == v || n.Value != nil && code.Var(info, n.Value) == v
		case *ast.UnaryExpr:
			found = found || n.Op == token.AND && code.Var(info, n.X) == v
		}
		return !found
	})
	return found
}

// hasGoto reports whether the function jumps, which it must not do over a
// variable that the fix declares.
func hasGoto(fn ast.Node) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		branch, ok := n.(*ast.BranchStmt)
		found = found || ok && branch.Tok == token.GOTO
		return !found
	})
	return found
}

// taken reports whether the name means something in front of the loop or
// anywhere in the function.
func taken(pass *check.Pass, loop, fn ast.Node, name string) (found bool) {
	if scope := pass.Pkg.Scope().Innermost(loop.Pos()); scope != nil {
		if _, obj := scope.LookupParent(name, loop.Pos()); obj != nil {
			return true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name && pass.TypesInfo.Defs[id] != nil
		return !found
	})
	return found
}
