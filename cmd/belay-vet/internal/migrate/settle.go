package migrate

// This file checks what would come out of it: every package that changes, or
// that imports one that does, is type-checked with its new imports. Where that
// fails, more stays as it is.

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strconv"

	"golang.org/x/tools/go/packages"
)

// settle keeps files until what is left compiles.
func (p *program) settle(graphs []*graph) error {
	for _, q := range p.pairs {
		if p.twins[q.to] == nil { // a report without the twin, never a change
			p.unchecked = true
			return nil
		}
	}
	for {
		errs := p.check(graphs)
		if len(errs) == 0 {
			return nil
		}
		if !p.blame(graphs, errs) { // nothing is changed any more
			return errorf("the module can't be type-checked: %s: %s", p.at(errs[0].Pos), errs[0].Msg)
		}
	}
}

// blame keeps the files with errors, or else every file, and reports whether
// there was one left.
func (p *program) blame(graphs []*graph, errs []types.Error) bool {
	grown := false
	for _, e := range errs {
		file := p.fileOf(e.Pos)
		for i, g := range graphs {
			if _, there := g.kept[file]; !there && p.files[file] != nil && (p.files[file].imports.has(i) || len(g.edges[file]) > 0) {
				g.keep(file, Note{Pos: p.at(e.Pos), Text: "would not compile: " + e.Msg})
				grown = true
			}
		}
	}
	if !grown {
		why := Note{Pos: p.at(errs[0].Pos), Text: "would not compile: " + errs[0].Msg}
		for name, s := range p.files {
			s.imports.each(len(graphs), func(i int) {
				if _, there := graphs[i].kept[name]; !there {
					graphs[i].keep(name, why)
					grown = true
				}
			})
		}
	}
	for _, g := range graphs {
		g.spread()
	}
	return grown
}

// moves reports whether a file's import of a pair changes.
func (p *program) moves(graphs []*graph, file string, i int) bool {
	s := p.files[file]
	if s == nil || !s.imports.has(i) {
		return false
	}
	_, kept := graphs[i].kept[file]
	return !kept
}

// A checker type-checks the module anew.
type checker struct {
	*program
	graphs []*graph
	done   map[string]*types.Package // by ID; the old one if nothing changes
	errs   []types.Error
}

func (p *program) check(graphs []*graph) []types.Error {
	c := &checker{program: p, graphs: graphs, done: map[string]*types.Package{}}
	for _, pkg := range p.pkgs {
		c.check(pkg)
	}
	return c.errs
}

// check returns the package with its new imports.
func (c *checker) check(pkg *packages.Package) *types.Package {
	if done, ok := c.done[pkg.ID]; ok {
		return done
	}
	c.done[pkg.ID] = pkg.Types
	if pkg.Module == nil || !pkg.Module.Main || len(pkg.Syntax) == 0 {
		return pkg.Types
	}
	changed := false
	for _, imp := range pkg.Imports {
		changed = c.check(imp) != imp.Types || changed
	}
	var files []*ast.File
	for _, f := range pkg.Syntax {
		g := c.rewritten(f)
		changed = changed || g != f
		files = append(files, g)
	}
	if !changed {
		return pkg.Types
	}
	_, broken := c.broken[pkg]
	conf := types.Config{
		Importer: importer(func(path string) (*types.Package, error) { return c.imported(pkg, path) }),
		Sizes:    pkg.TypesSizes,
		Error: func(err error) {
			if e, ok := err.(types.Error); ok && !broken && !e.Soft {
				c.errs = append(c.errs, e)
			}
		},
	}
	if pkg.Module.GoVersion != "" {
		conf.GoVersion = "go" + pkg.Module.GoVersion
	}
	now, _ := conf.Check(pkg.PkgPath, c.fset, files, nil)
	c.done[pkg.ID] = now
	return now
}

type importer func(path string) (*types.Package, error)

func (f importer) Import(path string) (*types.Package, error) { return f(path) }

func (c *checker) imported(pkg *packages.Package, path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if imp := pkg.Imports[path]; imp != nil {
		if t := c.check(imp); t != nil {
			return t, nil
		}
	}
	if twin := c.twins[path]; twin != nil {
		return twin, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

// rewritten returns the file with its new imports: a copy as far as that goes,
// or the file itself.
func (c *checker) rewritten(f *ast.File) *ast.File {
	name := c.fileOf(f.Package)
	copied := *f
	changed := false
	copied.Decls = append([]ast.Decl{}, f.Decls...)
	for i, d := range f.Decls {
		gd, ok := d.(*ast.GenDecl)
		if !ok || gd.Tok != token.IMPORT {
			continue
		}
		decl := *gd
		decl.Specs = append([]ast.Spec{}, gd.Specs...)
		for j, s := range gd.Specs {
			spec := *s.(*ast.ImportSpec)
			if k := c.pairOf(&spec); k >= 0 && c.moves(c.graphs, name, k) {
				lit := *spec.Path
				lit.Value = strconv.Quote(c.pairs[k].to)
				spec.Path, decl.Specs[j], changed = &lit, &spec, true
			}
		}
		copied.Decls[i] = &decl
	}
	if !changed {
		return f
	}
	return &copied
}
