package groupctx

// This file tells the uses of a context that cannot go well once it is
// cancelled from those that do no harm.

import (
	"go/ast"
	"go/types"
	"strings"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

type spoilt struct {
	info *types.Info

	// bodies are the functions of the package, to look into.
	bodies map[*types.Func]*ast.FuncDecl
	// judged has what is known of a function's parameter; false while it is
	// being judged, as recursion alone does no harm.
	judged map[*types.Var]bool
}

func newSpoilt(pass *check.Pass) *spoilt {
	s := &spoilt{pass.TypesInfo, map[*types.Func]*ast.FuncDecl{}, map[*types.Var]bool{}}
	for _, file := range pass.Files {
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				if f, ok := pass.TypesInfo.Defs[fn.Name].(*types.Func); ok {
					s.bodies[f] = fn
				}
			}
		}
	}
	return s
}

// use returns the first use of the context within the node, function literals
// included, that cannot go well once it is cancelled.
func (s *spoilt) use(n ast.Node, ctx *types.Var) (found *ast.Ident) {
	ast.Inspect(n, func(m ast.Node) bool {
		call, ok := m.(*ast.CallExpr)
		if !ok || found != nil {
			return found == nil
		}
		for i, arg := range call.Args {
			id, ok := ast.Unparen(arg).(*ast.Ident)
			if ok && s.info.ObjectOf(id) == ctx && s.fails(call, i) {
				found = id
				return false
			}
		}
		return true
	})
	return found
}

// fails reports whether the call is one that a cancelled context as its i-th
// argument makes fail.
func (s *spoilt) fails(call *ast.CallExpr, i int) bool {
	if t, ok := s.info.Types[call.Fun]; ok && (t.IsType() || t.IsBuiltin()) {
		return false
	}
	f := code.Callee(s.info, call)
	t := s.info.TypeOf(call.Fun)
	if t == nil {
		return false
	}
	sig, ok := t.Underlying().(*types.Signature)
	if !ok {
		return false
	}
	if f == nil {
		return !reports(called(call), sig) && canFail(sig)
	}
	if code.CallsStd(s.info, call, "context", "WithCancel", "WithCancelCause", "WithTimeout", "WithTimeoutCause",
		"WithDeadline", "WithDeadlineCause") ||
		code.CallsStd(s.info, call, "os/exec", "CommandContext") ||
		code.Calls(s.info, call, code.Errgroup, "WithContext", "New") {
		return true
	}
	if f.Pkg() != nil && f.Pkg().Path() == "context" || reports(f.Name(), sig) {
		return false
	}
	if fn := s.bodies[f.Origin()]; fn != nil {
		return s.failsInside(fn, f.Origin().Signature(), i)
	}
	// A function of a context alone most likely reads a value of it.
	value := f.Signature().Recv() == nil && sig.Params().Len() == 1
	return !value && canFail(sig)
}

// failsInside looks into a function of the package.
func (s *spoilt) failsInside(fn *ast.FuncDecl, sig *types.Signature, i int) bool {
	if i >= sig.Params().Len() || !code.IsContext(sig.Params().At(i).Type()) {
		return false
	}
	param := sig.Params().At(i)
	verdict, ok := s.judged[param]
	if !ok {
		s.judged[param] = false
		verdict = s.use(fn.Body, param) != nil || looks(s.info, fn.Body, param)
		s.judged[param] = verdict
	}
	return verdict
}

// looks reports whether the body asks the context whether it is done.
func looks(info *types.Info, body ast.Node, ctx *types.Var) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		found = found || ok && (sel.Sel.Name == "Done" || sel.Sel.Name == "Err") && code.Var(info, sel.X) == ctx
		return !found
	})
	return found
}

// canFail reports whether one of the results is an error.
func canFail(sig *types.Signature) bool {
	for v := range sig.Results().Variables() {
		if isError(v.Type()) {
			return true
		}
	}
	return false
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// reports reports whether a function, by its looks, only reads values of the
// context or tells somebody what happened: its name says so, or it takes an
// error.
func reports(name string, sig *types.Signature) bool {
	for v := range sig.Params().Variables() {
		if isError(v.Type()) {
			return true
		}
	}
	name = strings.ToLower(name)
	for _, word := range []string{"debug", "info", "warn", "error"} {
		if strings.HasPrefix(name, word) {
			return true
		}
	}
	for _, word := range []string{"log", "trace", "span", "from", "extract", "value"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// called returns the name of the func value that is called, if it has one.
func called(call *ast.CallExpr) string {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}
