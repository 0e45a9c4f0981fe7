package migrate

// This file judges the files that the build leaves out here, for another
// system or behind a tag. There are no types for them: they count as sharing
// values with every declaration that they could name.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// declared are the names of a package's declarations, fields and methods that
// mention a type that may move, with their files.
type declared map[string]map[string]set

func (d declared) add(name, file string, s set) {
	if s == 0 {
		return
	}
	if d[name] == nil {
		d[name] = map[string]set{}
	}
	d[name][file] |= s
}

// unseen ties or keeps the files that the type checker has not seen.
func (p *program) unseen(graphs []*graph) {
	var left []*source
	for _, s := range p.files {
		if !s.seen {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		return
	}
	slices.SortFunc(left, func(a, b *source) int { return strings.Compare(a.name, b.name) })
	folders, paths := map[string]declared{}, map[string]declared{}
	for _, pkg := range p.pkgs {
		d := p.declarations(pkg)
		for _, f := range pkg.Syntax[:min(1, len(pkg.Syntax))] {
			dir := filepath.Dir(p.fileOf(f.Package))
			folders[dir] = join(folders[dir], d)
		}
		paths[pkg.PkgPath] = join(paths[pkg.PkgPath], d)
	}
	for _, s := range left {
		u := &unseen{program: p, graphs: graphs, source: s, fset: token.NewFileSet()}
		u.judge(folders[filepath.Dir(s.name)], paths)
	}
}

func join(a, b declared) declared {
	if a == nil {
		a = declared{}
	}
	for name, files := range b {
		for file, s := range files {
			a.add(name, file, s)
		}
	}
	return a
}

// declarations returns what a package declares outside of functions.
func (p *program) declarations(pkg *packages.Package) declared {
	d := declared{}
	for _, obj := range pkg.TypesInfo.Defs {
		if obj == nil {
			continue
		}
		v, isVar := obj.(*types.Var)
		f, isFunc := obj.(*types.Func)
		if isVar && v.IsField() || isFunc && f.Signature().Recv() != nil || obj.Parent() == pkg.Types.Scope() {
			d.add(obj.Name(), p.fileOf(obj.Pos()), p.mentions(obj.Type()))
		}
	}
	return d
}

type unseen struct {
	*program
	graphs []*graph
	source *source
	fset   *token.FileSet
}

func (u *unseen) note(pos token.Pos, text string) Note {
	at := u.fset.PositionFor(pos, false)
	at.Filename = u.source.name
	return Note{Pos: at, Text: "isn't built here, and " + text}
}

func (u *unseen) keep(s set, pos token.Pos, text string) {
	s.each(len(u.graphs), func(i int) { u.graphs[i].keep(u.source.name, u.note(pos, text)) })
}

// judge looks at all names in the file.
func (u *unseen) judge(own declared, paths map[string]declared) {
	f, err := parser.ParseFile(u.fset, u.source.name, nil, parser.SkipObjectResolution)
	if err != nil {
		u.keep(u.source.imports, token.NoPos, "can't be parsed")
		return
	}
	names := join(nil, own)
	for _, spec := range f.Imports {
		names = join(names, paths[pathOf(spec)])
	}
	touched := u.source.imports
	for n := range ast.Preorder(f) {
		id, ok := n.(*ast.Ident)
		if !ok {
			continue
		}
		for _, file := range slices.Sorted(keys(names[id.Name])) {
			s := names[id.Name][file]
			touched |= s
			s.each(len(u.graphs), func(i int) {
				u.graphs[i].tie(u.source.name, file, u.note(id.Pos(), "may share "+u.pairs[i].name()+" with "+u.rel(file)+" by "+id.Name))
			})
		}
		if id.Name == "LockOSThread" {
			u.locks(id)
		}
		u.lacking(id)
	}
	for _, spec := range f.Imports {
		u.imported(spec, touched)
	}
}

// locks keeps a file with errgroups that locks threads, wherever that is.
func (u *unseen) locks(id *ast.Ident) {
	if i := slices.Index(u.pairs, pairs[0]); i >= 0 && u.source.imports.has(i) {
		u.keep(1<<i, id.Pos(), "locks a thread, maybe in a task")
	}
}

// lacking keeps a file with a name that the twin may not have.
func (u *unseen) lacking(id *ast.Ident) {
	u.source.imports.each(len(u.graphs), func(i int) {
		if u.only(u.pairs[i])[id.Name] {
			u.keep(1<<i, id.Pos(), "has the name "+id.Name+", which "+u.pairs[i].to+" doesn't have")
		}
	})
}

// only returns the exported names that a package has and its twin doesn't,
// methods included. What isn't loaded is not asked.
func (p *program) only(q pair) map[string]bool {
	if names, ok := p.lacks[q]; ok {
		return names
	}
	names := map[string]bool{}
	from, to := p.packageOf(q.from), p.twins[q.to]
	if from != nil && to != nil {
		for _, name := range from.Scope().Names() {
			twin := to.Scope().Lookup(name)
			if ast.IsExported(name) && twin == nil {
				names[name] = true
			}
			named, ok := from.Scope().Lookup(name).Type().(*types.Named)
			if !ok || twin == nil {
				continue
			}
			for m := range named.Methods() {
				if obj, _, _ := types.LookupFieldOrMethod(twin.Type(), true, to, m.Name()); m.Exported() && obj == nil {
					names[m.Name()] = true
				}
			}
		}
	}
	p.lacks[q] = names
	return names
}

// packageOf returns a package that some file of the module imports.
func (p *program) packageOf(path string) *types.Package {
	for _, pkg := range p.pkgs {
		if imp := pkg.Imports[path]; imp != nil && imp.Types != nil {
			return imp.Types
		}
	}
	return p.strangers[path]
}

// imported keeps a file that deals with the types of s and imports a package
// outside of the module whose API has them too, or whose API nobody knows here.
func (u *unseen) imported(spec *ast.ImportSpec, s set) {
	path := pathOf(spec)
	if s == 0 || !u.foreign(path) {
		return
	}
	deps, known := u.deps[path]
	if !known {
		u.keep(s, spec.Pos(), "imports "+path+", which isn't loaded here")
		return
	}
	if pkg := u.packageOf(path); deps&s != 0 && (pkg == nil || u.api(pkg)&s != 0) {
		u.keep(deps&s, spec.Pos(), "imports "+path+", outside of the module, which has types of the package in its API")
	}
}

// api returns what the exported declarations of a package mention.
func (p *program) api(pkg *types.Package) set {
	var s set
	for _, name := range pkg.Scope().Names() {
		obj := pkg.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		s |= p.mentions(obj.Type())
		if named, ok := obj.Type().(*types.Named); ok {
			s |= p.mentions(named.Underlying())
			for m := range named.Methods() {
				if m.Exported() {
					s |= p.mentions(m.Type())
				}
			}
		}
	}
	return s
}
