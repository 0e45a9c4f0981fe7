package migrate

// This file walks over what the type checker has seen, and asks of every name,
// selection and literal whose types it brings along.

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A walk is over one file.
type walk struct {
	*program
	graphs []*graph // by pair
	pkg    *packages.Package
	info   *types.Info
	file   string
	fn     string // that the walk is in
}

// analyze returns what was found, a graph for each pair.
func (p *program) analyze() []*graph {
	var graphs []*graph
	for range p.pairs {
		graphs = append(graphs, newGraph())
	}
	done := map[string]bool{}
	for _, pkg := range p.largest() {
		for _, f := range pkg.Syntax {
			name := p.fileOf(f.Package)
			if p.files[name] == nil || done[name] {
				continue
			}
			done[name] = true
			w := &walk{program: p, graphs: graphs, pkg: pkg, info: pkg.TypesInfo, file: name}
			if e, broken := p.broken[pkg]; broken {
				w.force(p.files[name].imports, f.Package, "the package doesn't compile: "+e.Msg)
			}
			w.walk(f)
		}
	}
	p.exports()
	p.threads(graphs)
	p.unseen(graphs)
	for _, s := range p.files {
		if !s.matched {
			s.imports.each(len(graphs), func(i int) {
				at := token.Position{Filename: s.name, Line: s.lines[i]}
				graphs[i].keep(s.name, Note{Pos: at, Text: "isn't in the packages named"})
			})
		}
	}
	for _, g := range graphs {
		g.dynamic()
		g.spread()
	}
	return graphs
}

// largest returns the packages with those first that have the most files: a
// test variant has the files of its package, and the types of both.
func (p *program) largest() []*packages.Package {
	list := slices.Clone(p.pkgs)
	slices.SortStableFunc(list, func(a, b *packages.Package) int { return len(b.Syntax) - len(a.Syntax) })
	return list
}

func (w *walk) walk(f *ast.File) {
	for _, d := range f.Decls {
		w.fn = ""
		if fd, ok := d.(*ast.FuncDecl); ok {
			w.fn = w.funcName(fd)
		}
		ast.PreorderStack(d, nil, func(n ast.Node, stack []ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				w.use(n)
			case *ast.SelectorExpr:
				w.selection(n)
			case *ast.CompositeLit:
				w.unkeyed(n)
			case *ast.TypeAssertExpr:
				if n.Type != nil {
					w.assertion(n.Type)
				}
			case *ast.TypeSwitchStmt:
				for _, c := range n.Body.List {
					for _, e := range c.(*ast.CaseClause).List {
						w.assertion(e)
					}
				}
			}
			w.conversions(n, stack)
			return true
		})
	}
}

func (w *walk) funcName(fd *ast.FuncDecl) string {
	if f, ok := w.info.Defs[fd.Name].(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			return "(" + short(recv.Type()) + ")." + f.Name()
		}
		return f.Pkg().Name() + "." + f.Name()
	}
	return fd.Name.Name
}

func (w *walk) noteAt(pos token.Pos, text string) Note {
	return Note{Pos: w.at(pos), Func: w.fn, Text: text}
}

// force makes this file stay.
func (w *walk) force(s set, pos token.Pos, text string) {
	s.each(len(w.graphs), func(i int) { w.graphs[i].keep(w.file, w.noteAt(pos, text)) })
}

// touch says that the file deals with an object, which brings along the types
// of s: it is tied to the file that declares the object, or can't move if that
// is none of the module.
func (w *walk) touch(s set, obj types.Object, pos token.Pos) {
	if s == 0 || obj.Pkg() == nil {
		return
	}
	s.each(len(w.graphs), func(i int) {
		pair := w.pairs[i]
		switch name := w.fileOf(obj.Pos()); {
		case obj.Pkg().Path() == pair.from:
		case w.files[name] != nil:
			w.graphs[i].tie(w.file, name, w.noteAt(pos, fmt.Sprintf("shares %s with %s by %s", pair.name(), w.rel(name), obj.Name())))
		case obj.Pkg() == w.pkg.Types: // what cgo has made
		default:
			w.graphs[i].keep(w.file, w.noteAt(pos, fmt.Sprintf("uses %s of %s, outside of the module, which has the type %s", obj.Name(), obj.Pkg().Path(), short(obj.Type()))))
		}
	})
}

// use looks at what a name stands for.
func (w *walk) use(id *ast.Ident) {
	obj := w.info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return
	}
	if _, ok := obj.(*types.PkgName); ok {
		return
	}
	if i := slices.IndexFunc(w.pairs, func(p pair) bool { return p.from == obj.Pkg().Path() }); i >= 0 {
		if !w.hasTwin(obj, w.pairs[i]) {
			w.force(1<<i, id.Pos(), fmt.Sprintf("uses %s, which %s doesn't have", obj.Name(), w.pairs[i].to))
		}
		return
	}
	obj = origin(obj)
	if inst, ok := w.info.Instances[id]; ok {
		w.instance(inst, obj, id.Pos())
	}
	if v, ok := obj.(*types.Var); ok && !v.IsField() && v.Parent() != nil && v.Parent() != v.Pkg().Scope() {
		return // a local one: its file is this one
	}
	s, ok := w.known[obj]
	if !ok {
		s = w.mentions(obj.Type())
		w.known[obj] = s
	}
	w.touch(s, obj, id.Pos())
}

// hasTwin reports whether the other package has the object too. What can't be
// loaded isn't asked.
func (w *walk) hasTwin(obj types.Object, p pair) bool {
	to := w.twins[p.to]
	if to == nil {
		return true
	}
	var recv types.Type
	switch o := obj.(type) {
	case *types.Func:
		if r := o.Signature().Recv(); r != nil {
			recv = r.Type()
		}
	case *types.Var:
		if o.IsField() {
			return true // of a type that has been asked, or not: the check of the result tells
		}
	}
	if recv == nil {
		return to.Scope().Lookup(obj.Name()) != nil
	}
	named, ok := types.Unalias(step(recv)).(*types.Named)
	if !ok {
		return true
	}
	twin := to.Scope().Lookup(named.Obj().Name())
	if twin == nil {
		return false
	}
	method, _, _ := types.LookupFieldOrMethod(twin.Type(), true, to, obj.Name())
	return method != nil
}

// selection looks at the embedded fields that x.f goes through, and at a field
// whose type comes from the type arguments of what x is.
func (w *walk) selection(sel *ast.SelectorExpr) {
	s := w.info.Selections[sel]
	if s == nil {
		return
	}
	for _, f := range path(s.Recv(), s.Index()) {
		w.touch(w.mentions(f.Origin().Type()), f.Origin(), sel.Sel.Pos())
	}
	if named, ok := types.Unalias(step(s.Recv())).(*types.Named); ok {
		if m := w.mentions(s.Obj().Type()); m != 0 && w.files[w.fileOf(named.Obj().Pos())] != nil {
			w.touch(m, named.Obj(), sel.Sel.Pos())
		}
	}
}

// unkeyed looks at the fields that a literal fills without their names.
func (w *walk) unkeyed(lit *ast.CompositeLit) {
	t := w.info.TypeOf(lit)
	if t == nil || len(lit.Elts) == 0 {
		return
	}
	st, ok := step(t).Underlying().(*types.Struct)
	if !ok {
		return
	}
	if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); keyed {
		return
	}
	for f := range st.Fields() {
		w.touch(w.mentions(f.Origin().Type()), f.Origin(), lit.Pos())
	}
}

// instance looks at type arguments: a generic func of the module may ask what
// they are, and so may one of another module that knows the package.
func (w *walk) instance(inst types.Instance, obj types.Object, pos token.Pos) {
	var s set
	for t := range inst.TypeArgs.Types() {
		s |= w.mentions(t)
	}
	w.hand(s, obj.Pkg(), pos, "is instantiated with "+short(inst.Type))
}

// assertion looks at the type that an interface value is asked for.
func (w *walk) assertion(e ast.Expr) {
	t := w.info.TypeOf(e)
	if t == nil {
		return
	}
	s := w.mentions(t)
	if iface, ok := t.Underlying().(*types.Interface); ok {
		for m := range iface.Methods() {
			s |= w.mentions(m.Type())
		}
	}
	s.each(len(w.graphs), func(i int) {
		if _, there := w.graphs[i].asserts[w.file]; !there {
			w.graphs[i].asserts[w.file] = w.noteAt(e.Pos(), "an interface value is asked for "+short(t))
		}
	})
}

// exports finds the declarations that modules which import this one see: their
// types change with the file, and nothing here tells who uses them.
func (p *program) exports() {
	for _, pkg := range p.pkgs {
		if pkg.Name == "main" || pkg.ForTest != "" || strings.Contains("/"+pkg.PkgPath+"/", "/internal/") {
			continue
		}
		for _, obj := range pkg.TypesInfo.Defs {
			if obj == nil || !obj.Exported() {
				continue
			}
			v, isVar := obj.(*types.Var)
			f, isFunc := obj.(*types.Func)
			if isVar && v.IsField() || isFunc && f.Signature().Recv() != nil || obj.Parent() == pkg.Types.Scope() {
				name := p.fileOf(obj.Pos())
				p.mentions(obj.Type()).each(len(p.pairs), func(i int) {
					p.exported[name] = append(p.exported[name], Note{Pos: p.at(obj.Pos()),
						Text: p.pairs[i].name() + ": " + obj.Name() + " is exported, and its type changes for modules that import this one"})
				})
			}
		}
	}
}

func (p *program) rel(name string) string {
	return (&Report{dir: p.dir}).place(name)
}
