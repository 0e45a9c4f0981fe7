package ops

// What is read by programs: JSON, metrics, alerts, variables and verbs.

import (
	"fmt"
	"go/ast"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// roots are the types that are encoded as a whole, by package name.
var roots = map[string][]string{"status": {"page"}, "main": {"reply"}}

// objects takes in the keys of JSON objects.
func (r *reader) objects() {
	for _, name := range roots[r.pkg.Name()] {
		if o := r.pkg.Scope().Lookup(name); o != nil {
			r.object("", o.Type())
		}
	}
}

func (r *reader) object(path string, t types.Type) {
	s := t.Underlying().(*types.Struct)
	for i := range s.NumFields() {
		tag := reflect.StructTag(s.Tag(i)).Get("json")
		key, _, _ := strings.Cut(tag, ",")
		if key == "-" || key == "" && !s.Field(i).Exported() {
			continue
		}
		if key == "" {
			key = s.Field(i).Name()
		}
		r.value(strings.TrimPrefix(path+"."+key, "."), s.Field(i).Type())
	}
}

func (r *reader) value(path string, t types.Type) {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if list, ok := t.Underlying().(*types.Slice); ok {
		r.value(path+"[]", list.Elem())
		return
	}
	named, _ := t.(*types.Named)
	if named != nil {
		if m, _, _ := types.LookupFieldOrMethod(t, true, r.pkg, "MarshalJSON"); m != nil {
			r.add("json", path, named.Obj().Name())
			return
		}
	}
	if _, ok := t.Underlying().(*types.Struct); ok {
		r.object(path, t)
		return
	}
	r.add("json", path, kindOf(t))
	r.constants(named)
}

func kindOf(t types.Type) string {
	if b, ok := t.Underlying().(*types.Basic); ok {
		switch {
		case b.Info()&types.IsString != 0:
			return "string"
		case b.Info()&types.IsNumeric != 0:
			return "number"
		case b.Info()&types.IsBoolean != 0:
			return "boolean"
		}
	}
	return t.String()
}

// makers are the package's own funcs that make a metric of each kind.
var makers = map[string]string{"gauge": "gauge", "counter": "counter", "histogram": "histogram"}

// prometheusMetric takes in a call that describes a metric.
func (r *reader) prometheusMetric(c *ast.CallExpr, callee *types.Func) {
	var labels []ast.Expr
	kind := makers[callee.Name()]
	if callee.Pkg().Path() == r.pkg.Path() {
		if kind == "" || callee.Signature().Recv() != nil || !strings.HasSuffix(r.of, "prometheus") {
			return
		}
		labels = c.Args[min(3, len(c.Args)):]
	} else {
		if callee.Name() != "NewDesc" {
			return
		}
		kind = "histogram" // the others are made by the makers
		if lit, ok := c.Args[2].(*ast.CompositeLit); ok {
			labels = lit.Elts
		}
	}
	name, ok := r.text(c.Args[0])
	if !ok {
		if callee.Name() != "NewDesc" {
			r.fail(c, "the name of a metric can't be read")
		}
		return
	}
	more := kind
	for _, l := range labels {
		label, ok := r.text(l)
		if !ok {
			r.fail(c, "a label can't be read")
		}
		more += " " + label
	}
	r.add("metric", name, more)
}

// otelMetric takes in a row of the tables of contrib/otel, and a metric of its
// SDK.
func (r *reader) otelMetric(lit *ast.CompositeLit) {
	t := r.info.Types[lit].Type
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || !strings.HasPrefix(r.of, "contrib/otel") {
		return
	}
	switch named.Obj().Name() {
	case "family":
		name, named := r.text(lit.Elts[0])
		unit, united := r.text(lit.Elts[1])
		kind, kinded := lit.Elts[3].(*ast.Ident)
		if !named || !united || !kinded {
			r.fail(lit, "a metric can't be read")
			return
		}
		r.add("metric", name, kind.Name+" "+unit)
	case "Metrics":
		values := map[string]string{}
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				values[fmt.Sprint(kv.Key)], _ = r.text(kv.Value)
			}
		}
		r.add("metric", values["Name"], "histogram "+values["Unit"])
	}
}

var (
	variable   = regexp.MustCompile(`^(BELAY|LISTEN|NOTIFY|WATCHDOG|KUBERNETES|XDG|FDSTORE)[A-Z_]*=?$`)
	assignment = regexp.MustCompile(`(?:^|\n)([A-Z_]{3,})=`)
)

// words takes in the names of variables in a literal, and the fields of messages
// to a service manager.
func (r *reader) words(lit *ast.BasicLit) {
	text, ok := r.text(lit)
	if !ok || strings.Contains(text, "://") {
		return
	}
	if variable.MatchString(text) {
		r.add("env", strings.TrimSuffix(text, "="), "")
		if text != "FDSTORE=" {
			return
		}
	}
	for _, m := range assignment.FindAllStringSubmatch(text, -1) {
		r.add("notify", m[1], "")
	}
}

// verbs takes in the words that a command's control socket knows.
func (r *reader) verbs() {
	for _, f := range r.files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || r.pkg.Name() != "main" || len(spec.Names) != 1 || spec.Names[0].Name != "verbs" {
				return true
			}
			list, ok := spec.Values[0].(*ast.CompositeLit)
			if !ok {
				r.fail(spec, "the verbs can't be read")
				return true
			}
			for _, e := range list.Elts {
				verb, _ := r.text(e)
				r.add("verb", verb, "")
			}
			return true
		})
	}
}

var (
	alertLine = regexp.MustCompile(`^\s*- alert: (\S+)`)
	severity  = regexp.MustCompile(`severity: (\w+)`)
)

// alertsBelow reads the rule files that are installed with the contrib modules.
func alertsBelow(root string) (facts []Fact, err error) {
	dir := filepath.Join(root, "contrib")
	if _, err := os.Stat(dir); err != nil {
		return nil, nil
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") || strings.Contains(path, "_test") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if m := alertLine.FindStringSubmatch(line); m != nil {
				facts = append(facts, Fact{Kind: "alert", Of: owner(root, filepath.Dir(path)), Name: m[1]})
			} else if m := severity.FindStringSubmatch(line); m != nil && len(facts) > 0 {
				facts[len(facts)-1].More = m[1]
			}
		}
		return nil
	})
	return facts, err
}
