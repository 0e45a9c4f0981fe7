package migrate

// This file finds tasks of a group that lock their thread and never unlock it.
// In x/sync each task has a goroutine of its own, and with it ends the thread;
// ours, under a limit, would give the locked thread to the next task.

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/cfg"

	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

// threads knows the functions of the module that return with their thread
// locked, and those that unlock one, by where their names stand.
type threads struct {
	locks, unlocks map[token.Pos]bool
}

// threads keeps the files with such tasks, which is a finding of its own.
func (p *program) threads(graphs []*graph) {
	i := slices.IndexFunc(p.pairs, func(q pair) bool { return q == pairs[0] })
	if i < 0 || !p.locksAny() {
		return
	}
	t := &threads{locks: map[token.Pos]bool{}, unlocks: map[token.Pos]bool{}}
	for grown := true; grown; {
		grown = t.grow(p)
	}
	p.each(func(w *walk, d *ast.FuncDecl) {
		w.graphs, w.fn = graphs, w.funcName(d)
		ast.Inspect(d, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 || !code.Calls(w.info, call, []string{pairs[0].from}, "Group.Go", "Group.TryGo") {
				return true
			}
			if at := t.task(w.info, d, call.Args[0]); at.IsValid() {
				note := w.noteAt(at, "this task locks its thread and may end without having unlocked it, and a worker of a group with a limit would keep the thread for the next task: unlock it (or, once moved, use Options.FreshGoroutines)")
				if !slices.Contains(p.findings, note) {
					p.findings = append(p.findings, note)
				}
				graphs[i].keep(w.file, w.noteAt(call.Pos(), fmt.Sprintf("starts a task that locks its thread at %s:%d", p.rel(note.Pos.Filename), note.Pos.Line)))
			}
			return true
		})
	})
}

// locksAny reports whether the module has a call of runtime.LockOSThread.
func (p *program) locksAny() bool {
	for _, pkg := range p.pkgs {
		for _, obj := range pkg.TypesInfo.Uses {
			if obj.Name() == "LockOSThread" && obj.Pkg() != nil && obj.Pkg().Path() == "runtime" {
				return true
			}
		}
	}
	return false
}

// each calls f for every function of the module.
func (p *program) each(f func(w *walk, d *ast.FuncDecl)) {
	for _, pkg := range p.pkgs {
		for _, file := range pkg.Syntax {
			w := &walk{program: p, pkg: pkg, info: pkg.TypesInfo, file: p.fileOf(file.Package)}
			for _, d := range file.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil && p.files[w.file] != nil {
					f(w, d)
				}
			}
		}
	}
}

// grow adds the functions that call those known so far.
func (t *threads) grow(p *program) (grown bool) {
	p.each(func(w *walk, d *ast.FuncDecl) {
		at := d.Name.Pos()
		if !t.unlocks[at] && t.unlocking(w.info, d.Body) {
			t.unlocks[at], grown = true, true
		}
		if !t.locks[at] && t.locked(w.info, d.Body).IsValid() {
			t.locks[at], grown = true, true
		}
	})
	return grown
}

// unlocking reports whether something in n unlocks the thread.
func (t *threads) unlocking(info *types.Info, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			f := code.Callee(info, call)
			found = found || code.CallsStd(info, call, "runtime", "UnlockOSThread") || f != nil && t.unlocks[f.Origin().Pos()]
		}
		return !found
	})
	return found
}

// locked returns where a body locks the thread and then has a way to its end
// without an unlock; no position if nowhere.
func (t *threads) locked(info *types.Info, body *ast.BlockStmt) token.Pos {
	if t.deferred(info, body) {
		return token.NoPos
	}
	var at token.Pos
	var graph *cfg.CFG
	ast.Inspect(body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false // as there
		}
		if at.IsValid() {
			return false
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f := code.Callee(info, call)
		if !code.CallsStd(info, call, "runtime", "LockOSThread") && (f == nil || !t.locks[f.Origin().Pos()]) {
			return true
		}
		if graph == nil {
			graph = cfg.New(body, func(*ast.CallExpr) bool { return true })
		}
		walk := code.Walk{Covers: func(n ast.Node) bool { return t.unlocking(info, n) }}
		if walk.Escape(graph, call) != nil {
			at = call.Pos()
		}
		return true
	})
	return at
}

// deferred reports whether the body unlocks the thread whenever it ends.
func (t *threads) deferred(info *types.Info, body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false // another function, maybe another goroutine
		case *ast.DeferStmt:
			found = found || t.unlocking(info, n)
		}
		return true
	})
	return found
}

// task returns where the func that is given to Go locks its thread.
func (t *threads) task(info *types.Info, in *ast.FuncDecl, arg ast.Expr) token.Pos {
	var obj types.Object
	switch arg := ast.Unparen(arg).(type) {
	case *ast.FuncLit:
		return t.locked(info, arg.Body)
	case *ast.Ident:
		obj = info.Uses[arg]
	case *ast.SelectorExpr:
		obj = info.Uses[arg.Sel]
	}
	switch obj := obj.(type) {
	case *types.Func:
		if t.locks[obj.Origin().Pos()] {
			return arg.Pos()
		}
	case *types.Var:
		return t.variable(info, in, obj)
	}
	return token.NoPos
}

// variable looks at the literal that a local variable of the function was made
// with.
func (t *threads) variable(info *types.Info, in *ast.FuncDecl, v *types.Var) (at token.Pos) {
	ast.Inspect(in, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != len(assign.Rhs) {
			return true
		}
		for i, l := range assign.Lhs {
			id, ok := l.(*ast.Ident)
			if lit, isLit := assign.Rhs[i].(*ast.FuncLit); ok && isLit && info.ObjectOf(id) == v && !at.IsValid() {
				at = t.locked(info, lit.Body)
			}
		}
		return true
	})
	return at
}
