package migrate

// This file loads the module: every file of it, also those that this system
// doesn't build, and the types of those that it does.

import (
	"context"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A source is a file of the module.
type source struct {
	name    string // absolute
	imports set    // which packages that may move it imports
	lines   map[int]int
	others  []string // what it imports of other modules, if it isn't built here
	limited bool     // by a system or a tag, to builds that this isn't
	seen    bool     // by the type checker
	matched bool     // by the patterns
}

// sources parses the imports of all files of the modules.
func (ws *workspace) sources() (map[string]*source, error) {
	files := map[string]*source{}
	for _, m := range ws.modules {
		err := filepath.WalkDir(m.Dir, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != m.Dir && skipped(name, d.Name()):
				return filepath.SkipDir
			case d.IsDir() || filepath.Ext(name) != ".go" || !d.Type().IsRegular():
				return nil
			}
			s := &source{name: name, lines: map[int]int{}}
			files[name] = s
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, nil, parser.ImportsOnly)
			if err != nil {
				return nil // the type checker says so, if it is built
			}
			built, err := build.Default.MatchFile(filepath.Dir(name), d.Name())
			s.limited = err != nil || !built
			for _, spec := range f.Imports {
				if path := pathOf(spec); s.limited && ws.foreign(path) {
					s.others = append(s.others, path)
				}
				if i := ws.pairOf(spec); i >= 0 {
					s.imports |= 1 << i
					s.lines[i] = fset.Position(spec.Pos()).Line
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// skipped reports whether a folder is none of the module, as the go command has
// it.
func skipped(dir, name string) bool {
	if name == "vendor" || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// pairOf returns the index of the pair from which a spec imports, or -1.
func (ws *workspace) pairOf(spec *ast.ImportSpec) int {
	path := pathOf(spec)
	return slices.IndexFunc(ws.pairs, func(p pair) bool { return p.from == path })
}

func pathOf(spec *ast.ImportSpec) string {
	path, _ := strconv.Unquote(spec.Path.Value) // what has been parsed has quotes
	return path
}

// foreign reports whether a package is none of the modules, of the pairs, and
// of the standard library.
func (ws *workspace) foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") &&
		!slices.ContainsFunc(ws.pairs, func(q pair) bool { return q.from == path || q.to == path }) &&
		!slices.ContainsFunc(ws.modules, func(m module) bool { return path == m.Path || strings.HasPrefix(path, m.Path+"/") })
}

// used returns the pairs of which the module imports something to move.
func (ws *workspace) used() ([]pair, error) {
	files, err := ws.sources()
	if err != nil {
		return nil, err
	}
	var all set
	for _, f := range files {
		all |= f.imports
	}
	var used []pair
	all.each(len(ws.pairs), func(i int) { used = append(used, ws.pairs[i]) })
	return used, nil
}

// A program is the module with its types.
type program struct {
	*workspace
	fset   *token.FileSet
	files  map[string]*source
	pkgs   []*packages.Package // of the module, as loaded; a package and its test variant have files in common
	twins  map[string]*types.Package
	broken map[*packages.Package]packages.Error

	deps     map[string]set  // by package: what it imports, itself or through others
	own      map[string]bool // the packages of the module, by path
	known    map[types.Object]set
	lacks    map[pair]map[string]bool
	exported map[string][]Note // by file: declarations that others may use

	strangers map[string]*types.Package // what files that aren't built here import
	findings  []Note
	unchecked bool
}

const mode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
	packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedModule | packages.NeedForTest

// load loads all packages of the modules, those that the patterns don't name
// included: they may share values with those that they do.
func (ws *workspace) load(ctx context.Context, used []pair) (*program, error) {
	ws.pairs = used
	files, err := ws.sources()
	if err != nil {
		return nil, err
	}
	p := &program{workspace: ws, fset: token.NewFileSet(), files: files,
		twins: map[string]*types.Package{}, broken: map[*packages.Package]packages.Error{}, deps: map[string]set{},
		own: map[string]bool{}, known: map[types.Object]set{}, lacks: map[pair]map[string]bool{}, exported: map[string][]Note{},
		strangers: map[string]*types.Package{}}
	cfg := &packages.Config{Context: ctx, Mode: mode, Fset: p.fset, Dir: ws.dir, Env: ws.env(), BuildFlags: ws.flags, Tests: true}
	var patterns []string
	for _, m := range ws.modules {
		patterns = append(patterns, m.Path+"/...")
	}
	for _, pair := range used {
		patterns = append(patterns, pair.to)
	}
	patterns = append(patterns, ws.strange(files)...)
	roots, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, err
	}
	p.dependencies(roots)
	for _, pkg := range roots {
		if !p.ours(pkg) && pkg.ForTest == "" && pkg.Types != nil {
			p.strangers[pkg.PkgPath] = pkg.Types
		}
	}
	listed := map[string]bool{}
	packages.Visit(roots, nil, func(pkg *packages.Package) {
		if i := slices.IndexFunc(used, func(q pair) bool { return q.to == pkg.PkgPath }); i >= 0 && pkg.ForTest == "" && len(pkg.Errors) == 0 {
			p.twins[pkg.PkgPath] = pkg.Types
		}
		if !p.ours(pkg) || len(pkg.Syntax) == 0 {
			return
		}
		for _, e := range pkg.Errors {
			if e.Kind == packages.TypeError || e.Kind == packages.ParseError {
				p.broken[pkg] = e
				break
			}
		}
		mine := false
		for _, f := range pkg.Syntax {
			if s := p.files[p.fileOf(f.Package)]; s != nil {
				s.seen, mine = true, true
				listed[filepath.Dir(s.name)] = true
			}
		}
		if mine {
			p.pkgs = append(p.pkgs, pkg)
			p.own[pkg.PkgPath] = true
		}
	})
	for _, s := range files {
		dir := filepath.Dir(s.name)
		s.matched = ws.matches(dir, listed[dir])
	}
	return p, nil
}

// strange returns what is imported by files that name a system or a tag: nothing
// else may import it, and yet it matters what it knows.
func (ws *workspace) strange(files map[string]*source) []string {
	var paths []string
	for _, s := range files {
		if s.limited {
			paths = append(paths, s.others...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// ours reports whether the package is in a module that may change.
func (p *program) ours(pkg *packages.Package) bool {
	return pkg.Module != nil && pkg.Module.Main && slices.ContainsFunc(p.modules, func(m module) bool { return m.Path == pkg.Module.Path })
}

// dependencies finds out which packages reach the originals.
func (p *program) dependencies(roots []*packages.Package) {
	packages.Visit(roots, nil, func(pkg *packages.Package) {
		if pkg.Module == nil && len(pkg.GoFiles) == 0 && len(pkg.Errors) > 0 {
			return // not to be found
		}
		var s set
		for i, q := range p.pairs {
			if pkg.PkgPath == q.from {
				s |= 1 << i
			}
		}
		for _, imp := range pkg.Imports {
			s |= p.deps[imp.PkgPath]
		}
		p.deps[pkg.PkgPath] |= s
	})
}

// fileOf returns the file that a position is in: the name of the file that was
// parsed, or, for what cgo has made of it, of the file itself.
func (p *program) fileOf(pos token.Pos) string {
	if !pos.IsValid() {
		return ""
	}
	if f := p.fset.File(pos); f != nil && p.files[f.Name()] != nil {
		return f.Name()
	}
	return p.fset.Position(pos).Filename
}

// at returns a position as the report shows it.
func (p *program) at(pos token.Pos) token.Position {
	if f := p.fset.File(pos); f != nil && p.files[f.Name()] != nil {
		return f.PositionFor(pos, false)
	}
	return p.fset.Position(pos)
}
