package surface

// This file finds a package's runnable examples, to hold them against its names.

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// Examples returns the names that have a runnable example in dir: "Group.Go"
// for ExampleGroup_Go and its variants. An example without an Output comment is
// compiled but never run, and does not count.
func Examples(dir string) (map[string]bool, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	fset := token.NewFileSet()
	for _, path := range paths {
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	found := map[string]bool{}
	for _, e := range doc.Examples(files...) {
		if e.Output == "" && !e.EmptyOutput {
			continue
		}
		name := e.Name
		// A last part that starts in lower case is the variant's name.
		if i := strings.LastIndex(name, "_"); i >= 0 && i+1 < len(name) && !ast.IsExported(name[i+1:]) {
			name = name[:i]
		}
		found[strings.ReplaceAll(name, "_", ".")] = true
	}
	return found, nil
}
