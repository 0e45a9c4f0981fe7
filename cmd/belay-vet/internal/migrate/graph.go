package migrate

// This file is what was found out about the files: which must stay, and which
// must agree.

import (
	"cmp"
	"slices"
)

// An edge says that two files exchange values, and where that was seen first.
type edge struct {
	other string
	why   Note
}

// A verdict is why a file keeps its import.
type verdict struct {
	why   Note
	cause string // the file that it follows; empty: it forces itself
}

// A graph has, for one pair, the files as nodes, those that don't import the
// package too: they may carry values between others.
type graph struct {
	edges map[string][]edge
	kept  map[string]verdict
	tied  map[[2]string]bool

	// meet are the places at which values change hands as interface values, and
	// asserts those where they come out again.
	meet, asserts map[string]Note
}

func newGraph() *graph {
	return &graph{edges: map[string][]edge{}, kept: map[string]verdict{}, tied: map[[2]string]bool{}, meet: map[string]Note{}, asserts: map[string]Note{}}
}

// tie makes two files agree.
func (g *graph) tie(a, b string, why Note) {
	if a == b || g.tied[[2]string{a, b}] {
		return
	}
	g.tied[[2]string{a, b}], g.tied[[2]string{b, a}] = true, true
	g.edges[a] = append(g.edges[a], edge{b, why})
	g.edges[b] = append(g.edges[b], edge{a, why})
}

// keep makes a file stay.
func (g *graph) keep(file string, why Note) {
	if _, there := g.kept[file]; !there {
		g.kept[file] = verdict{why: why}
	}
}

// dynamic ties the files whose values might meet as interface values: what one
// puts in comes out of an assertion, or out of reflection, as what it was.
func (g *graph) dynamic() {
	if len(g.asserts) == 0 {
		return
	}
	hub := slices.Sorted(keys(g.asserts))[0]
	for _, list := range []map[string]Note{g.asserts, g.meet} {
		for _, file := range slices.Sorted(keys(list)) {
			g.tie(hub, file, list[file])
		}
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// spread makes every file stay that has to agree with one that does, the
// nearest first, so that reasons are short.
func (g *graph) spread() {
	queue := slices.Sorted(keys(g.kept))
	for len(queue) > 0 {
		f := queue[0]
		queue = queue[1:]
		slices.SortFunc(g.edges[f], func(a, b edge) int { return cmp.Compare(a.other, b.other) })
		for _, e := range g.edges[f] {
			if _, there := g.kept[e.other]; !there {
				g.kept[e.other] = verdict{e.why, f}
				queue = append(queue, e.other)
			}
		}
	}
}

// why returns the reasons from the file to the one that forces it.
func (g *graph) why(file string) []Note {
	var list []Note
	for v, ok := g.kept[file]; ok; v, ok = g.kept[v.cause] {
		list = append(list, v.why)
		if v.cause == "" {
			break
		}
	}
	return list
}
