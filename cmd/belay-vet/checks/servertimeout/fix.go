package servertimeout

// This file writes the limit into a server.

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"

	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

const fixMessage = "Give a header ten seconds"

// add puts the limit into a literal.
func (s *servers) add(file *ast.File, lit *ast.CompositeLit) []analysis.SuggestedFix {
	name, edits, ok := code.Import(s.pass.Pkg, file, lit.Pos(), "time")
	if !ok {
		return nil
	}
	text := "ReadHeaderTimeout: 10 * " + name + ".Second"
	at := lit.Lbrace + 1
	if n := len(lit.Elts); n > 0 {
		if last := lit.Elts[n-1].End(); s.line(last) == s.line(lit.Rbrace) {
			at, text = last, ", "+text
		} else {
			// The line above the brace ends in a comma, and perhaps in a remark.
			at, text = lit.Rbrace, text+",\n"
		}
	}
	return []analysis.SuggestedFix{{Message: fixMessage, TextEdits: append(edits, edit(at, at, text))}}
}

// server makes a server of its own out of the call of http.ListenAndServe or
// http.ListenAndServeTLS.
func (s *servers) server(file *ast.File, call *ast.CallExpr) []analysis.SuggestedFix {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(call.Args) != 2 && len(call.Args) != 4 {
		return nil
	}
	name, edits, ok := code.Import(s.pass.Pkg, file, call.Pos(), "time")
	if !ok {
		return nil
	}
	n := len(call.Args)
	addr, handler := call.Args[0], call.Args[n-1]
	limit := ", ReadHeaderTimeout: 10 * " + name + ".Second})." + sel.Sel.Name + "("
	var field bytes.Buffer
	if !s.pass.TypesInfo.Types[handler].IsNil() {
		field.WriteString(", Handler: ")
	}
	edits = append(edits, edit(call.Pos(), addr.Pos(), "(&"+sel.X.(*ast.Ident).Name+".Server{Addr: "))
	switch {
	case field.Len() == 0 && n == 2:
		edits = append(edits, edit(addr.End(), call.End(), limit+")"))
	case n == 2:
		edits = append(edits, edit(addr.End(), handler.Pos(), field.String()), edit(handler.End(), call.End(), limit+")"))
	default:
		// The handler moves to the front: only what stands on one line, and so
		// has no remarks, moves without a loss.
		if s.line(handler.Pos()) != s.line(handler.End()) {
			return nil
		}
		if field.Len() > 0 && format.Node(&field, s.pass.Fset, handler) != nil {
			return nil
		}
		edits = append(edits,
			edit(addr.End(), call.Args[1].Pos(), field.String()+limit),
			edit(call.Args[2].End(), call.End(), ")"))
	}
	return []analysis.SuggestedFix{{Message: fixMessage, TextEdits: edits}}
}

func (s *servers) line(pos token.Pos) int { return s.pass.Fset.PositionFor(pos, false).Line }

func edit(from, to token.Pos, text string) analysis.TextEdit {
	return analysis.TextEdit{Pos: from, End: to, NewText: []byte(text)}
}
