package ops

// What is logged: the level, the message and the keys of each call.

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// levels are the calls of log/slog that log; "" has the level as an argument.
var levels = map[string]string{
	"Debug": "DEBUG", "Info": "INFO", "Warn": "WARN", "Error": "ERROR",
	"DebugContext": "DEBUG", "InfoContext": "INFO", "WarnContext": "WARN", "ErrorContext": "ERROR",
	"Log": "", "LogAttrs": "",
}

// log takes in a call of a logger.
func (r *reader) log(c *ast.CallExpr, callee *types.Func, fn *ast.FuncDecl) {
	if callee.Name() == "With" || callee.Name() == "WithGroup" {
		r.fail(c, "a logger with keys of its own")
		return
	}
	if recv := callee.Signature().Recv(); recv != nil && recv.Type().String() != "*log/slog.Logger" {
		return
	}
	level, logs := levels[callee.Name()]
	if !logs {
		return
	}
	args := c.Args
	if strings.HasSuffix(callee.Name(), "Context") || level == "" {
		args = args[1:]
	}
	if level == "" {
		level = r.levelOf(args[0], fn)
		args = args[1:]
	}
	messages := r.texts(args[0], fn)
	if len(messages) == 0 || level == "" {
		r.fail(c, "the level or the message of a log line can't be read")
		return
	}
	keys, ok := r.keys(args[1:], c.Ellipsis.IsValid(), fn, true)
	if !ok {
		r.fail(c, "the keys of a log line can't be read")
		return
	}
	for _, message := range messages {
		r.add("log", message, strings.Join(append([]string{level}, keys...), " "))
	}
}

// levelOf is the level, or all that the variable may have: "WARN|DEBUG".
func (r *reader) levelOf(e ast.Expr, fn *ast.FuncDecl) string {
	var names []string
	for _, v := range append(r.assigned(e, fn), e) {
		if sel, ok := v.(*ast.SelectorExpr); ok && strings.HasPrefix(sel.Sel.Name, "Level") {
			names = append(names, strings.ToUpper(strings.TrimPrefix(sel.Sel.Name, "Level")))
		}
	}
	return strings.Join(names, "|")
}

// texts are the values that a string may have: a constant, a sum of texts, or a
// local variable that is only ever set to those.
func (r *reader) texts(e ast.Expr, fn *ast.FuncDecl) []string {
	if s, ok := r.text(e); ok {
		return []string{s}
	}
	if sum, ok := ast.Unparen(e).(*ast.BinaryExpr); ok {
		var all []string
		for _, x := range r.texts(sum.X, fn) {
			for _, y := range r.texts(sum.Y, fn) {
				all = append(all, x+y)
			}
		}
		return all
	}
	var all []string
	for _, v := range r.assigned(e, fn) {
		some := r.texts(v, fn)
		if len(some) == 0 {
			return nil
		}
		all = append(all, some...)
	}
	return all
}

// assigned returns what is assigned to a local variable anywhere in fn.
func (r *reader) assigned(e ast.Expr, fn *ast.FuncDecl) (values []ast.Expr) {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || fn == nil {
		return nil
	}
	object := r.info.ObjectOf(id)
	if r.isParam(object, fn) { // the caller's
		return nil
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i, l := range a.Lhs {
				if l, ok := l.(*ast.Ident); ok && r.info.ObjectOf(l) == object {
					values = append(values, a.Rhs[i])
				}
			}
		}
		return true
	})
	return values
}

// keys are those of the arguments, in order; one that is not always there is in
// brackets. With spread the last argument is a slice.
func (r *reader) keys(args []ast.Expr, spread bool, fn *ast.FuncDecl, always bool) (keys []string, ok bool) {
	put := func(key string) {
		if !always {
			key = "[" + key + "]"
		}
		keys = append(keys, key)
	}
	for i := 0; i < len(args); i++ {
		if spread && i == len(args)-1 {
			more, ok := r.spread(args[i], fn)
			return append(keys, more...), ok
		}
		if attr, isCall := args[i].(*ast.CallExpr); isCall {
			callee := r.callee(attr)
			if callee == nil || callee.Pkg().Path() != "log/slog" {
				return nil, false
			}
			key, ok := r.text(attr.Args[0])
			if !ok {
				return nil, false
			}
			put(key)
			continue
		}
		key, ok := r.text(args[i])
		if !ok || i+1 == len(args) {
			return nil, false
		}
		put(key)
		i++
	}
	return keys, true
}

// spread reads the slice of a call with three dots: append, a literal, or a local
// variable made of these.
func (r *reader) spread(e ast.Expr, fn *ast.FuncDecl) (keys []string, ok bool) {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		return r.keys(e.Elts, false, fn, true)
	case *ast.CallExpr:
		if id, isIdent := e.Fun.(*ast.Ident); !isIdent || id.Name != "append" {
			return nil, false
		}
		first, ok := r.spread(e.Args[0], fn)
		if !ok {
			return nil, false
		}
		rest, ok := r.keys(e.Args[1:], e.Ellipsis.IsValid(), fn, true)
		return append(first, rest...), ok
	case *ast.Ident:
		return r.grown(e, fn)
	}
	return nil, false
}

// grown reads a local slice: what it is made with, and what each append adds. An
// append within a block of the function is one that may not happen.
func (r *reader) grown(id *ast.Ident, fn *ast.FuncDecl) (keys []string, ok bool) {
	if fn == nil {
		return nil, false
	}
	values := r.assigned(id, fn)
	ok = len(values) > 0
	for _, v := range values {
		call, isCall := v.(*ast.CallExpr)
		if !isCall {
			some, fine := r.spread(v, fn)
			keys, ok = append(keys, some...), ok && fine
			continue
		}
		base, isIdent := call.Args[0].(*ast.Ident)
		if !isIdent || r.info.ObjectOf(base) != r.info.ObjectOf(id) {
			return nil, false
		}
		always := slices.ContainsFunc(fn.Body.List, func(s ast.Stmt) bool {
			a, isAssign := s.(*ast.AssignStmt)
			return isAssign && slices.Contains(a.Rhs, v)
		})
		some, fine := r.keys(call.Args[1:], call.Ellipsis.IsValid(), fn, always)
		keys, ok = append(keys, some...), ok && fine
	}
	return keys, ok && r.info.ObjectOf(id).Parent() != r.pkg.Scope()
}

// stderr takes in what a command prints there. Its own func that prints is found
// by the name of the writer.
func (r *reader) stderr(c *ast.CallExpr) {
	if len(c.Args) < 2 {
		return
	}
	switch w := c.Args[0].(type) {
	case *ast.Ident:
		if w.Name != "stderr" {
			return
		}
	case *ast.SelectorExpr:
		if w.Sel.Name != "Stderr" {
			return
		}
	default:
		return
	}
	format, ok := r.text(c.Args[1])
	if !ok {
		format = "%v" // an error, say
	}
	r.add("stderr", strings.TrimSpace(format), "")
}

// elsewhere looks into the files that are for other systems: what they log is not
// read, so they must not log.
func (r *reader) elsewhere(p listed) (errs []error) {
	for _, name := range p.IgnoredGoFiles {
		path := filepath.Join(p.Dir, name)
		f, err := parser.ParseFile(r.fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			errs = append(errs, fmt.Errorf("ops: %w", err))
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := c.Fun.(*ast.SelectorExpr)
			if _, logs := levels[identName(sel, ok)]; logs && len(c.Args) > 1 {
				errs = append(errs, fmt.Errorf("ops: %v: a log line in a file for another system", r.fset.Position(c.Pos())))
			}
			return true
		})
	}
	return errs
}

func identName(sel *ast.SelectorExpr, ok bool) string {
	if !ok {
		return ""
	}
	return sel.Sel.Name
}
