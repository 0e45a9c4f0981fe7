package sleepctx

// The fix: a select that the context's end cuts short, and a return.

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// fix returns the select, where it is plain what the function returns once
// the context is done, and that it may return at all.
func fix(pass *check.Pass, cur inspector.Cursor, call *ast.CallExpr, ctx string) []analysis.SuggestedFix {
	fn, _ := code.FuncAround(cur)
	typ, body := code.FuncParts(fn.Node())
	result := "return"
	switch {
	case typ.Results == nil && !closes(pass.TypesInfo, body) && isLast(cur, body):
	case isError(pass.TypesInfo, typ.Results) && !closes(pass.TypesInfo, body):
		result = "return " + ctx + ".Err()"
	default:
		return nil
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || !inList(cur) {
		return nil
	}
	var d bytes.Buffer
	if format.Node(&d, pass.Fset, call.Args[0]) != nil {
		return nil
	}
	text := fmt.Sprintf("select {\ncase <-%s.Done():\n%s\ncase <-%s.After(%s):\n}", ctx, result, types.ExprString(sel.X), d.String())
	return []analysis.SuggestedFix{{
		Message:   "let the context's end cut the sleep short",
		TextEdits: []analysis.TextEdit{{Pos: call.Pos(), End: call.End(), NewText: []byte(text)}},
	}}
}

func isError(info *types.Info, results *ast.FieldList) bool {
	if results == nil || len(results.List) != 1 || len(results.List[0].Names) > 1 {
		return false
	}
	return types.Identical(info.TypeOf(results.List[0].Type), types.Universe.Lookup("error").Type())
}

// closes reports whether the function unlocks, closes or releases something
// other than by defer: a return in between would leave that undone.
func closes(info *types.Info, body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.DeferStmt, *ast.FuncLit:
			return false
		case *ast.CallExpr:
			name := ""
			switch f := ast.Unparen(n.Fun).(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			switch name {
			case "Unlock", "RUnlock", "Close", "close", "Release", "Stop", "cancel":
				found = true
			case "Done":
				// That of a context only tells.
				found = found || !code.CallsStd(info, n, "context", "Context.Done")
			}
		}
		return !found
	})
	return found
}

// isLast reports whether nothing comes in the function after the statement
// that the sleep is in, so that a return skips nothing but its rest.
func isLast(cur inspector.Cursor, body *ast.BlockStmt) bool {
	last := body.List[len(body.List)-1]
	return last.Pos() <= cur.Node().Pos() && cur.Node().End() <= last.End()
}

func inList(cur inspector.Cursor) bool {
	switch cur.Parent().Node().(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}
