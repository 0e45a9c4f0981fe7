package migrate

// This file answers whose type a type is: which packages that may move does it
// mention?

import (
	"go/types"
	"slices"
)

// A mention finds the packages whose types a type is made of.
type mention struct {
	pairs []pair
	deep  bool // look into the fields and methods of named types too
	seen  map[types.Type]bool
}

// mentions returns the pairs whose types t is made of. A named struct or
// interface is a type of its own, whatever it has inside: who uses a field or
// a method mentions that one's type.
func (p *program) mentions(t types.Type) set {
	m := mention{pairs: p.pairs, seen: map[types.Type]bool{}}
	return m.of(t)
}

func (m *mention) of(t types.Type) set {
	if t == nil || m.seen[t] {
		return 0
	}
	m.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		return m.of(types.Unalias(t))
	case *types.Named:
		return m.named(t)
	case *types.Signature:
		s := m.of(t.Params()) | m.of(t.Results())
		for tp := range t.TypeParams().TypeParams() {
			s |= m.of(tp.Constraint().Underlying())
		}
		return s
	case *types.Tuple:
		var s set
		for v := range t.Variables() {
			s |= m.of(v.Type())
		}
		return s
	case *types.Struct:
		var s set
		for f := range t.Fields() {
			s |= m.of(f.Type())
		}
		return s
	case *types.Interface:
		var s set
		for f := range t.ExplicitMethods() {
			s |= m.of(f.Type())
		}
		for e := range t.EmbeddedTypes() {
			s |= m.of(e)
		}
		return s
	case *types.Union:
		var s set
		for term := range t.Terms() {
			s |= m.of(term.Type())
		}
		return s
	case *types.Map:
		return m.of(t.Key()) | m.of(t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		return m.of(t.Elem())
	}
	return 0
}

func (m *mention) named(t *types.Named) set {
	if t.Obj().Pkg() != nil {
		if i := slices.IndexFunc(m.pairs, func(p pair) bool { return p.from == t.Obj().Pkg().Path() }); i >= 0 {
			return 1 << i
		}
	}
	var s set
	for arg := range t.TypeArgs().Types() {
		s |= m.of(arg)
	}
	switch u := t.Underlying().(type) {
	case *types.Struct, *types.Interface:
		if m.deep {
			s |= m.of(u)
		}
	default:
		s |= m.of(u)
	}
	return s
}

// within is mentions for a func that reflection may call: what it takes and
// gives is looked into.
func (p *program) within(t types.Type) set {
	if _, ok := t.Underlying().(*types.Signature); !ok {
		return p.mentions(t)
	}
	m := mention{pairs: p.pairs, deep: true, seen: map[types.Type]bool{}}
	return m.of(t)
}

// origin returns the object as it was declared, without type arguments.
func origin(obj types.Object) types.Object {
	switch obj := obj.(type) {
	case *types.Func:
		return obj.Origin()
	case *types.Var:
		return obj.Origin()
	}
	return obj
}

// step returns the type behind a pointer.
func step(t types.Type) types.Type {
	if ptr, ok := types.Unalias(t).Underlying().(*types.Pointer); ok {
		return ptr.Elem()
	}
	return t
}

// path returns the fields that a selection by index goes through before its
// last step: the embedded ones that nobody has written down.
func path(t types.Type, index []int) []*types.Var {
	var fields []*types.Var
	for _, i := range index[:max(0, len(index)-1)] {
		s, ok := step(t).Underlying().(*types.Struct)
		if !ok || i >= s.NumFields() {
			break
		}
		fields = append(fields, s.Field(i))
		t = s.Field(i).Type()
	}
	return fields
}

// short writes a type with the names of packages alone.
func short(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}
