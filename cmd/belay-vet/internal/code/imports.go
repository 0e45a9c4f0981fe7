package code

// This file gives a suggested fix the package that it needs.

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strconv"

	"golang.org/x/tools/go/analysis"
)

// Import returns how the code at pos names the package of the standard library,
// and the edit that imports it where the file doesn't yet. It is not ok if the
// name means something else at pos.
func Import(pkg *types.Package, file *ast.File, pos token.Pos, imported string) (name string, edits []analysis.TextEdit, ok bool) {
	name = path.Base(imported)
	means := func(name string) types.Object {
		scope := pkg.Scope().Innermost(pos)
		if scope == nil {
			return nil
		}
		_, obj := scope.LookupParent(name, pos)
		return obj
	}
	for _, spec := range file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != imported {
			continue
		}
		if spec.Name != nil {
			if spec.Name.Name == "_" || spec.Name.Name == "." {
				continue
			}
			name = spec.Name.Name
		}
		p, ok := means(name).(*types.PkgName)
		return name, nil, ok && p.Imported().Path() == imported
	}
	if means(name) != nil {
		return "", nil, false
	}
	line := strconv.Quote(imported)
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.IMPORT || len(d.Specs) == 0 || d.Specs[0].(*ast.ImportSpec).Path.Value == `"C"` {
			continue
		}
		if d.Lparen.IsValid() {
			return name, []analysis.TextEdit{{Pos: d.Lparen + 1, End: d.Lparen + 1, NewText: []byte("\n\t" + line)}}, true
		}
		return name, []analysis.TextEdit{{Pos: d.Pos(), End: d.Pos(), NewText: []byte("import " + line + "\n")}}, true
	}
	return name, []analysis.TextEdit{{Pos: file.Name.End(), End: file.Name.End(), NewText: []byte("\n\nimport " + line)}}, true
}
