// Package servertimeout finds HTTP servers that wait for ever for a request.
package servertimeout

import (
	_ "embed"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
	"github.com/belay-go/belay/cmd/belay-vet/internal/code"
)

//go:embed doc.md
var page string

// Analyzer reports HTTP servers without a limit on how long a request's header
// may take.
var Analyzer = check.New("servertimeout", page, run)

const message = "without ReadHeaderTimeout or ReadTimeout a client that sends half a header holds its connection for ever: set ReadHeaderTimeout"

func run(pass *check.Pass) {
	s := &servers{pass: pass, served: map[*types.Var]bool{}}
	s.look()
	if s.limited {
		return // here or there: which server it is for is not asked
	}
	for cur := range pass.Root.Preorder((*ast.CallExpr)(nil), (*ast.CompositeLit)(nil), (*ast.ValueSpec)(nil)) {
		file := fileAt(pass.Files, cur.Node().Pos())
		if file == nil || aside(pass, file) {
			continue
		}
		switch n := cur.Node().(type) {
		case *ast.CallExpr:
			if code.CallsStd(pass.TypesInfo, n, "net/http", "ListenAndServe", "ListenAndServeTLS") && !loopback(pass, n.Args[0]) {
				pass.Report(analysis.Diagnostic{Pos: n.Pos(), End: n.End(), Message: message, SuggestedFixes: s.server(file, n)})
			}
		case *ast.ValueSpec:
			// A zero server: the fields that it gets are set one by one.
			for _, name := range n.Names {
				v, ok := pass.TypesInfo.Defs[name].(*types.Var)
				if ok && len(n.Values) == 0 && s.served[v] && s.handled(v) && !s.local(v) {
					pass.Report(analysis.Diagnostic{Pos: name.Pos(), End: name.End(), Message: message})
				}
			}
		case *ast.CompositeLit:
			if isServer(pass.TypesInfo.TypeOf(n)) && !s.closedIn(n) && s.isServed(n) {
				pass.Report(analysis.Diagnostic{Pos: n.Pos(), End: n.End(), Message: message, SuggestedFixes: s.add(file, n)})
			}
		}
	}
}

type servers struct {
	pass    *check.Pass
	limited bool                // somebody sets one of the two for some server
	served  map[*types.Var]bool // variables whose server listens to the network
	makers  map[*types.Func]bool
	direct  []ast.Expr // what Serve was called on, where that is no variable
}

// limits are the fields that bound how long a header may take.
var limits = []string{"ReadTimeout", "ReadHeaderTimeout"}

// look goes through the package once.
func (s *servers) look() {
	s.makers = map[*types.Func]bool{}
	info := s.pass.TypesInfo
	for cur := range s.pass.Root.Preorder((*ast.AssignStmt)(nil), (*ast.CallExpr)(nil), (*ast.CompositeLit)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				sel, ok := ast.Unparen(left).(*ast.SelectorExpr)
				if ok && slices.Contains(limits, sel.Sel.Name) && isServer(info.TypeOf(sel.X)) {
					s.limited = true
				}
			}
		case *ast.CallExpr:
			if !s.listens(n) {
				continue
			}
			on := code.Receiver(n)
			if v := code.Var(info, on); v != nil {
				s.served[v] = true
			} else {
				s.direct = append(s.direct, on)
			}
		}
	}
	for v := range s.served {
		for _, value := range code.ValuesOf(s.pass.Root, info, v) {
			if call, ok := value.(*ast.CallExpr); ok {
				if f := code.Callee(info, call); f != nil && f.Pkg() == s.pass.Pkg {
					s.makers[f] = true
				}
			}
		}
	}
}

// listens reports whether the call serves a http.Server to the network.
func (s *servers) listens(call *ast.CallExpr) bool {
	info := s.pass.TypesInfo
	if code.CallsStd(info, call, "net/http", "Server.ListenAndServe", "Server.ListenAndServeTLS") {
		return true
	}
	return code.CallsStd(info, call, "net/http", "Server.Serve", "Server.ServeTLS") && s.network(call.Args[0], 3)
}

// network reports whether the listener may be one of the network: a listener
// of another type than net's interface, or one that a name or a literal shows
// to be local to the machine, is not.
func (s *servers) network(l ast.Expr, depth int) bool {
	info := s.pass.TypesInfo
	text := strings.ToLower(types.ExprString(l))
	for _, word := range []string{"unix", "sock", "pipe", "buf", "mem", "local", "vsock", "fake", "mock"} {
		if strings.Contains(text, word) {
			return false
		}
	}
	if !code.IsNamed(info.TypeOf(l), []string{"net"}, "Listener") && !code.IsNamed(info.TypeOf(l), []string{"net"}, "TCPListener") {
		return false
	}
	v := code.Var(info, l)
	if v == nil || depth == 0 {
		return true
	}
	for _, id := range s.definitions(v) {
		call, ok := id.(*ast.CallExpr)
		if !ok {
			continue
		}
		for _, arg := range call.Args {
			if value := info.Types[arg].Value; value != nil && value.Kind() == constant.String && (strings.HasPrefix(constant.StringVal(value), "unix") || loopback(s.pass, arg)) {
				return false
			}
		}
		f := code.Callee(info, call)
		if f == nil || !slices.Contains([]string{"net", "crypto/tls"}, f.Pkg().Path()) {
			return false // who made it knows what it is
		}
	}
	return true
}

// handled reports whether the variable holds the server itself and is never set
// as a whole.
func (s *servers) handled(v *types.Var) bool {
	_, pointer := types.Unalias(v.Type()).(*types.Pointer)
	return !pointer && isServer(v.Type()) && len(code.ValuesOf(s.pass.Root, s.pass.TypesInfo, v)) == 0
}

// local reports whether the variable's server gets an address of the machine's
// own.
func (s *servers) local(v *types.Var) bool {
	for cur := range s.pass.Root.Preorder((*ast.AssignStmt)(nil)) {
		a := cur.Node().(*ast.AssignStmt)
		for i, left := range a.Lhs {
			sel, ok := left.(*ast.SelectorExpr)
			if ok && sel.Sel.Name == "Addr" && code.Var(s.pass.TypesInfo, sel.X) == v && i < len(a.Rhs) && loopback(s.pass, a.Rhs[i]) {
				return true
			}
		}
	}
	return false
}

// definitions returns the calls that the variable's value comes from, alone or
// among several results.
func (s *servers) definitions(v *types.Var) (from []ast.Expr) {
	for cur := range s.pass.Root.Preorder((*ast.AssignStmt)(nil)) {
		a := cur.Node().(*ast.AssignStmt)
		for i, left := range a.Lhs {
			if code.Var(s.pass.TypesInfo, left) == v {
				from = append(from, ast.Unparen(a.Rhs[min(i, len(a.Rhs)-1)]))
			}
		}
	}
	return from
}

// isServed reports whether the literal is what one of the variables holds, is
// what a function returns that one of them comes from, or is served itself.
func (s *servers) isServed(lit *ast.CompositeLit) bool {
	info := s.pass.TypesInfo
	for _, on := range s.direct {
		if on.Pos() <= lit.Pos() && lit.End() <= on.End() {
			return true
		}
	}
	holds := func(e ast.Expr) bool { return e != nil && literal(e) == lit }
	for v := range s.served {
		if slices.ContainsFunc(code.ValuesOf(s.pass.Root, info, v), holds) {
			return true
		}
	}
	for cur := range s.pass.Root.Preorder((*ast.ReturnStmt)(nil)) {
		ret := cur.Node().(*ast.ReturnStmt)
		if len(ret.Results) == 0 || !holds(ret.Results[0]) {
			continue
		}
		fn, _ := code.FuncAround(cur)
		decl, ok := fn.Node().(*ast.FuncDecl)
		if f, _ := info.Defs[nameOf(decl)].(*types.Func); ok && s.makers[f] {
			return true
		}
	}
	return false
}

func nameOf(decl *ast.FuncDecl) *ast.Ident {
	if decl == nil {
		return nil
	}
	return decl.Name
}

// closedIn reports whether the literal has one of the limits, or shows that
// the server is one of the machine's own.
func (s *servers) closedIn(lit *ast.CompositeLit) bool {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return true // all fields are there
		}
		key, _ := kv.Key.(*ast.Ident)
		if key == nil || slices.Contains(limits, key.Name) || key.Name == "Addr" && loopback(s.pass, kv.Value) {
			return true
		}
	}
	return false
}

// literal returns the composite literal that e is, or is the address of.
func literal(e ast.Expr) *ast.CompositeLit {
	e = ast.Unparen(e)
	if and, ok := e.(*ast.UnaryExpr); ok && and.Op == token.AND {
		e = ast.Unparen(and.X)
	}
	lit, _ := e.(*ast.CompositeLit)
	return lit
}

func isServer(t types.Type) bool { return t != nil && code.IsNamed(t, []string{"net/http"}, "Server") }

// loopback reports whether the address is, to be seen in the source, one that
// only the machine itself reaches.
func loopback(pass *check.Pass, addr ast.Expr) bool {
	if call, ok := ast.Unparen(addr).(*ast.CallExpr); ok && len(call.Args) > 0 {
		addr = call.Args[0] // fmt.Sprintf("localhost:%d", port), net.JoinHostPort
	}
	if b, ok := ast.Unparen(addr).(*ast.BinaryExpr); ok {
		addr = b.X
	}
	value := pass.TypesInfo.Types[addr].Value
	if value == nil || value.Kind() != constant.String {
		return false
	}
	for _, host := range []string{"127.", "localhost", "[::1]", "::1"} {
		if strings.HasPrefix(constant.StringVal(value), host) {
			return true
		}
	}
	return false
}

// asides are the folders whose servers nobody attacks.
var asides = []string{
	"tests", "testing", "testutil", "testutils", "testdata", "testenv", "e2e", "integration", "fixtures", "mock", "mocks",
	"example", "examples", "_examples", "demo", "demos", "sample", "samples", "tutorial", "tutorials", "bench", "benchmark", "benchmarks",
}

// aside reports whether the file is a test, helps tests, or is an example.
func aside(pass *check.Pass, file *ast.File) bool {
	name := pass.Fset.Position(file.FileStart).Filename
	if code.IsTest(name) {
		return true
	}
	for _, spec := range file.Imports {
		if path := strings.Trim(spec.Path.Value, `"`); path == "testing" || path == "net/http/httptest" {
			return true
		}
	}
	return asidePath(pass.Pkg.Path())
}

// asidePath reports whether a folder in the package's path says so.
func asidePath(path string) bool {
	for _, part := range strings.Split(path, "/") {
		if slices.Contains(asides, part) || strings.HasSuffix(part, "test") || strings.Contains(part, "-test") || strings.Contains(part, "test-") {
			return true
		}
	}
	return false
}

func fileAt(files []*ast.File, pos token.Pos) *ast.File {
	for _, file := range files {
		if file.FileStart <= pos && pos <= file.FileEnd {
			return file
		}
	}
	return nil
}
