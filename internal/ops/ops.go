// Package ops reads from the source what those who run a service rely on, and
// that is no Go name: what is logged and under which keys, exit codes, the keys
// of JSON and their fixed values, metrics, spans, alerts, environment variables,
// flags, verbs and signals. The freeze in api/ops.txt and the check that
// docs/RUNBOOK.md leaves nothing out stand on it.
//
// It reads what a build for this system takes, with the types that the compiler
// has: a logger is known by its type, not by its name, and a constant by its
// value. What it can't read is an error, never left out: a message that is put
// together in a way that it doesn't know, keys from somewhere else, a logger of
// package log. It finds what is in the packages it is given, and nothing of what
// they hand to others to log.
package ops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Fact is one thing to rely on, as a line of api/ops.txt says it: "log graceful
// WARN "graceful: forced" signal".
type Fact struct {
	Kind string // log, stderr, exit, json, value, metric, attribute, span, alert, env, notify, flag, verb or signal
	Of   string // whose it is: graceful, belay-run, contrib/redis
	Name string // the message, the code, the path of the key, the metric
	More string // what else the line says: keys, units, labels
}

// String is the fact's line.
func (f Fact) String() string {
	name := f.Name
	if f.Kind == "log" || f.Kind == "stderr" {
		level, rest, has := strings.Cut(f.More, " ")
		if f.Kind == "stderr" {
			return fmt.Sprintf("stderr %s %q", f.Of, f.Name)
		}
		line := fmt.Sprintf("log %s %s %q", f.Of, level, f.Name)
		if has {
			line += " " + rest
		}
		return line
	}
	return strings.TrimRight(strings.Join([]string{f.Kind, f.Of, name, f.More}, " "), " ")
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles, IgnoredGoFiles []string
	DepOnly                 bool
	Module                  *struct{ Dir string }
}

// Read returns the facts of the packages that the patterns mean, sorted. root is
// the folder of the workspace.
func Read(root string, patterns ...string) ([]Fact, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	pkgs, err := list(root, patterns)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, p := range pkgs {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var facts []Fact
	var errs []error
	for _, p := range pkgs {
		if p.DepOnly {
			continue
		}
		r := &reader{fset: fset, of: owner(root, p.Dir)}
		if err := r.load(p, imports); err != nil {
			return nil, err
		}
		r.read()
		errs = append(errs, r.elsewhere(p)...)
		errs = append(errs, r.errs...)
		facts = append(facts, r.facts...)
	}
	alerts, err := alertsBelow(root)
	facts = append(facts, alerts...)
	slices.SortFunc(facts, func(a, b Fact) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(facts), errors.Join(append(errs, err)...)
}

// list asks the go command, which compiles what it has not compiled yet. The
// workspace counts even where a test runs without it.
func list(root string, patterns []string) ([]listed, error) {
	args := append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,IgnoredGoFiles,DepOnly"}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = os.Environ()
	if runtime.GOOS != "linux" { // the one that has all of it
		cmd.Env = append(cmd.Env, "GOOS=linux", "CGO_ENABLED=0")
	}
	if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
		cmd.Env = append(cmd.Env, "GOWORK="+filepath.Join(root, "go.work"))
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ops: go list: %w: %s", err, stderr.String())
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("ops: go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

// owner is what a package's facts are called after: its folder, and for a
// command its name.
func owner(root, dir string) string {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return dir
	}
	rel = filepath.ToSlash(rel)
	return strings.TrimPrefix(strings.TrimPrefix(rel, "cmd/"), "internal/")
}

// reader reads one package.
type reader struct {
	fset  *token.FileSet
	of    string
	files []*ast.File
	info  types.Info
	pkg   *types.Package
	facts []Fact
	errs  []error
}

func (r *reader) load(p listed, imports types.Importer) error {
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(r.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("ops: %w", err)
		}
		r.files = append(r.files, f)
	}
	r.info = types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	pkg, err := (&types.Config{Importer: imports}).Check(p.ImportPath, r.fset, r.files, &r.info)
	if err != nil {
		return fmt.Errorf("ops: %w", err)
	}
	r.pkg = pkg
	return nil
}

// read takes in all facts.
func (r *reader) read() {
	for _, f := range r.files {
		for _, d := range f.Decls {
			fn, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				r.values(n)
				switch n := n.(type) {
				case *ast.CallExpr:
					r.call(n, fn)
				case *ast.CompositeLit:
					r.otelMetric(n)
					r.ownFlags(n)
				case *ast.BasicLit:
					r.words(n)
				case *ast.SelectorExpr:
					r.signal(n)
				}
				return true
			})
		}
	}
	r.verbs()
	r.exits()
	r.objects()
}

// call takes in a call of what says something to the world.
func (r *reader) call(c *ast.CallExpr, fn *ast.FuncDecl) {
	callee := r.callee(c)
	if callee == nil || callee.Pkg() == nil {
		if t := r.info.Types[c.Fun]; t.IsType() && strings.HasSuffix(t.Type.String(), "otel/attribute.Key") {
			if name, ok := r.text(c.Args[0]); ok {
				r.add("attribute", name, "")
			}
		}
		return
	}
	switch callee.Pkg().Path() {
	case "log/slog":
		r.log(c, callee, fn)
	case "log":
		r.fail(c, "package log has no keys")
	case "fmt":
		r.stderr(c)
	case "os":
		if slices.Contains([]string{"Getenv", "LookupEnv", "Setenv", "Unsetenv"}, callee.Name()) {
			if name, ok := r.text(c.Args[0]); ok {
				r.add("env", name, "")
			}
		}
	case "flag":
		r.flagCall(c, callee)
	case "go.opentelemetry.io/otel/trace":
		if callee.Name() == "Start" && fn != nil {
			r.span(c, fn)
		}
	case "go.opentelemetry.io/otel/attribute":
		if len(c.Args) == 2 {
			if name, ok := r.text(c.Args[0]); ok {
				r.add("attribute", name, "")
			}
		}
	case "github.com/prometheus/client_golang/prometheus", r.pkg.Path():
		r.prometheusMetric(c, callee)
	}
}

// callee returns the func or method that is called; nil: a value, a conversion.
func (r *reader) callee(c *ast.CallExpr) *types.Func {
	fun := ast.Unparen(c.Fun)
	switch f := fun.(type) {
	case *ast.IndexExpr: // of a generic func
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return nil
	}
	fn, _ := r.info.Uses[id].(*types.Func)
	return fn
}

func (r *reader) add(kind, name, more string) {
	r.facts = append(r.facts, Fact{Kind: kind, Of: r.of, Name: name, More: more})
}

func (r *reader) fail(n ast.Node, why string) {
	r.errs = append(r.errs, fmt.Errorf("ops: %v: %s", r.fset.Position(n.Pos()), why))
}

// text is the value of a constant string.
func (r *reader) text(e ast.Expr) (string, bool) {
	v := r.info.Types[e].Value
	if v == nil || v.Kind().String() != "String" {
		return "", false
	}
	s, err := strconv.Unquote(v.ExactString())
	return s, err == nil
}
