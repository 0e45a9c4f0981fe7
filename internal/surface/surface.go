// Package surface reads what a package exports from its source. The freeze in
// api/, the check that nothing is exported without a doc and an example, and
// the contract suite's check that no call was forgotten all stand on it.
package surface

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// Kind says what an exported name is.
type Kind string

// The kinds of names, as the lines of api/ begin.
const (
	Const  Kind = "const"
	Var    Kind = "var"
	Func   Kind = "func"
	Type   Kind = "type"
	Method Kind = "method" // of a concrete type or an interface
	Field  Kind = "field"
)

// Name is one exported name.
type Name struct {
	Kind Kind
	Name string // "Shrink", "Weighted.Acquire"
	Line string // the whole declaration on one line, without its body
	Doc  bool   // it has a doc comment, or its group has one

	// Context is the position of the context.Context among the parameters of
	// a Func or Method; -1 without one. What stands for a receiver is none.
	Context int
}

// Base is the last part of the name: "Acquire" of "Weighted.Acquire".
func (n Name) Base() string { return n.Name[strings.LastIndex(n.Name, ".")+1:] }

// Read returns the exported names of the package in dir, sorted by line. It
// reads the files that a build for linux/amd64 without cgo takes, so that the
// answer is the same on every machine.
func Read(dir string) ([]Name, error) {
	r := reader{fset: token.NewFileSet()}
	files, err := parse(r.fset, dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				r.function(d)
			case *ast.GenDecl:
				r.group(d)
			}
		}
	}
	slices.SortFunc(r.names, func(a, b Name) int { return strings.Compare(a.Line, b.Line) })
	return r.names, nil
}

func parse(fset *token.FileSet, dir string) ([]*ast.File, error) {
	env := build.Default
	env.GOOS, env.GOARCH, env.CgoEnabled = "linux", "amd64", false
	pkg, err := env.ImportDir(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("surface: %w", err)
	}
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("surface: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

type reader struct {
	fset  *token.FileSet
	names []Name
}

func (r *reader) add(kind Kind, name, line string, doc bool, context int) {
	r.names = append(r.names, Name{Kind: kind, Name: name, Line: string(kind) + " " + line, Doc: doc, Context: context})
}

func (r *reader) function(d *ast.FuncDecl) {
	if !d.Name.IsExported() {
		return
	}
	signature := strings.TrimPrefix(text(d.Type), "func")
	if d.Recv == nil {
		context := contextParam(d.Type)
		if context > 0 && actsAsMethod(d) {
			context--
		}
		r.add(Func, d.Name.Name, d.Name.Name+signature, d.Doc != nil, context)
		return
	}
	recv := text(d.Recv.List[0].Type)
	base := strings.TrimPrefix(recv, "*")
	base, _, _ = strings.Cut(base, "[")
	if !ast.IsExported(base) {
		return
	}
	r.add(Method, base+"."+d.Name.Name, "("+recv+") "+d.Name.Name+signature, d.Doc != nil, contextParam(d.Type))
}

// actsAsMethod reports whether d is what would be a method if a method could have
// type parameters: its first parameter is then a pointer to a type of the
// package, and counts as a receiver.
func actsAsMethod(d *ast.FuncDecl) bool {
	if d.Type.TypeParams == nil {
		return false
	}
	first := d.Type.Params.List[0]
	star, ok := first.Type.(*ast.StarExpr)
	if !ok || len(first.Names) != 1 {
		return false
	}
	base, ok := star.X.(*ast.Ident)
	return ok && base.IsExported()
}

func (r *reader) group(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			kind := Var
			if d.Tok == token.CONST {
				kind = Const
			}
			for _, id := range s.Names {
				if id.IsExported() {
					line := id.Name
					if s.Type != nil {
						line += " " + text(s.Type)
					}
					r.add(kind, id.Name, line, d.Doc != nil || s.Doc != nil || s.Comment != nil, -1)
				}
			}
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				r.typ(s, d.Doc != nil || s.Doc != nil)
			}
		}
	}
}

func (r *reader) typ(s *ast.TypeSpec, doc bool) {
	name := s.Name.Name
	head := name
	if s.TypeParams != nil {
		head += strings.TrimPrefix(text(&ast.FuncType{TypeParams: s.TypeParams, Params: &ast.FieldList{}}), "func")
		head = strings.TrimSuffix(head, "()")
	}
	if s.Assign.IsValid() {
		head += " ="
	}
	switch t := s.Type.(type) {
	case *ast.StructType:
		r.add(Type, name, head+" struct", doc, -1)
		documented, last := false, 0
		for _, f := range t.Fields.List {
			// A comment also speaks for the fields on the lines right after its own.
			line := r.fset.Position(f.Pos()).Line
			documented = f.Doc != nil || f.Comment != nil || documented && line == last+1
			last = r.fset.Position(f.End()).Line
			for _, id := range f.Names {
				if id.IsExported() {
					r.add(Field, name+"."+id.Name, name+"."+id.Name+" "+text(f.Type), documented, -1)
				}
			}
			if len(f.Names) == 0 && ast.IsExported(strings.TrimPrefix(text(f.Type), "*")) {
				r.add(Field, name+"."+text(f.Type), name+" embeds "+text(f.Type), true, -1)
			}
		}
	case *ast.InterfaceType:
		r.add(Type, name, head+" interface", doc, -1)
		for _, m := range t.Methods.List {
			ft, ok := m.Type.(*ast.FuncType)
			if !ok || len(m.Names) == 0 || !m.Names[0].IsExported() {
				continue
			}
			id := m.Names[0].Name
			r.add(Method, name+"."+id, "("+name+") "+id+strings.TrimPrefix(text(ft), "func"), m.Doc != nil || m.Comment != nil || len(t.Methods.List) == 1, contextParam(ft))
		}
	default:
		r.add(Type, name, head+" "+text(t), doc, -1)
	}
}

// contextParam returns the position of the first context.Context among the
// parameters, counting each name of a shared type; -1 without one.
func contextParam(t *ast.FuncType) int {
	pos := 0
	for _, p := range t.Params.List {
		if text(p.Type) == "context.Context" {
			return pos
		}
		pos += max(len(p.Names), 1)
	}
	return -1
}

func text(n ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		panic("BUG: surface: " + err.Error())
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
