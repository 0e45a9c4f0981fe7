package migrate_test

// What the documentation says of the twins: they have every name.

import (
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"github.com/belay-go/belay/cmd/belay-vet/internal/migrate"
)

// shape writes the type of an object without the names of parameters, and with
// those of packages alone, which are the same in both.
func shape(x types.Object) string {
	sig, ok := x.Type().(*types.Signature)
	if !ok {
		return x.Name() + " " + types.TypeString(x.Type(), (*types.Package).Name)
	}
	var b strings.Builder
	for _, t := range []*types.Tuple{sig.Params(), sig.Results()} {
		b.WriteString("(")
		for v := range t.Variables() {
			b.WriteString(types.TypeString(v.Type(), (*types.Package).Name) + ",")
		}
		b.WriteString(")")
	}
	return x.Name() + b.String()
}

// Every exported name of an original has a twin of the same kind, with the same
// methods and fields: otherwise less would move than the documentation says.
func TestEveryNameHasItsTwin(t *testing.T) {
	t.Parallel()
	s := unpack(t, map[string][]byte{"a.go": []byte("package sample\n")})
	s.write(t, "go.mod", []byte(strings.ReplaceAll(gomod, "CHECKOUT", checkout(t))+"\nrequire github.com/belay-go/belay v0.0.0\n"))
	var paths []string
	for from, to := range migrate.Pairs() {
		paths = append(paths, from, to)
	}
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps, Dir: s.dir, Env: s.env}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]*types.Package{}
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			t.Fatal(p.Errors)
		}
		byPath[p.PkgPath] = p.Types
	}
	asked := 0
	for from, to := range migrate.Pairs() {
		old, now := byPath[from], byPath[to]
		if old.Name() != now.Name() {
			t.Errorf("%s is package %s", to, now.Name())
		}
		for _, name := range old.Scope().Names() {
			x, twin := old.Scope().Lookup(name), now.Scope().Lookup(name)
			if !x.Exported() {
				continue
			}
			asked++
			if twin == nil {
				t.Errorf("%s lacks %s", to, name)
				continue
			}
			if _, isType := x.(*types.TypeName); !isType {
				if _, isConst := x.(*types.Const); !isConst && shape(x) != shape(twin) {
					t.Errorf("%s is %s", shape(x), shape(twin))
				}
				continue
			}
			for sel := range types.NewMethodSet(types.NewPointer(x.Type())).Methods() {
				m, _, _ := types.LookupFieldOrMethod(twin.Type(), true, now, sel.Obj().Name())
				if sel.Obj().Exported() && (m == nil || shape(m) != shape(sel.Obj())) {
					t.Errorf("%s is %v", shape(sel.Obj()), m)
				}
			}
			if st, ok := x.Type().Underlying().(*types.Struct); ok {
				for f := range st.Fields() {
					m, _, _ := types.LookupFieldOrMethod(twin.Type(), true, now, f.Name())
					if f.Exported() && (m == nil || shape(m) != shape(f)) {
						t.Errorf("%s is %v", shape(f), m)
					}
				}
			}
		}
	}
	if asked < 12 {
		t.Errorf("only %d names", asked)
	}
}
