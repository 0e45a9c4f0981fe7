package graceful_test

// Only the monotonic clock counts: a suspended machine or a corrected clock
// must not move a deadline. No test can set the clock, so this one reads the
// source: it looks for what makes a time lose its monotonic reading, or never
// have one.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wallClock are the methods of a time.Time that strip it, or read the wall.
var wallClock = map[string]bool{
	"Round": true, "Truncate": true, "UTC": true, "Local": true, "In": true, "AddDate": true,
	"Unix": true, "UnixMilli": true, "UnixMicro": true, "UnixNano": true,
}

// wallSources are functions of package time that make a time without one.
var wallSources = map[string]bool{"Date": true, "Parse": true, "ParseInLocation": true, "Unix": true, "UnixMilli": true, "UnixMicro": true}

// timeStub is so much of package time as tells a Time from a Duration.
const timeStub = `package time
type (
	Duration int64
	Month int
	Location struct{}
	Time struct{}
)
const (
	Microsecond Duration = 1e3
	Millisecond Duration = 1e6
	Second Duration = 1e9
)
func Now() Time
func Since(Time) Duration
func Until(Time) Duration
func After(Duration) <-chan Time
func Date(int, Month, int, int, int, int, int, *Location) Time
func Parse(string, string) (Time, error)
func ParseInLocation(string, string, *Location) (Time, error)
func Unix(int64, int64) Time
func UnixMilli(int64) Time
func UnixMicro(int64) Time
func (Time) Add(Duration) Time
func (Time) AddDate(int, int, int) Time
func (Time) Sub(Time) Duration
func (Time) Round(Duration) Time
func (Time) Truncate(Duration) Time
func (Time) UTC() Time
func (Time) Local() Time
func (Time) In(*Location) Time
func (Time) Unix() int64
func (Time) UnixMilli() int64
func (Time) UnixMicro() int64
func (Time) UnixNano() int64
func (Duration) Round(Duration) Duration
func (Duration) Truncate(Duration) Duration
`

// onlyTime imports package time and nothing else: what depends on others has
// no type then, and no time comes from there.
type onlyTime struct{ time *types.Package }

func (i onlyTime) Import(path string) (*types.Package, error) {
	if path == "time" {
		return i.time, nil
	}
	return types.NewPackage(path, path[strings.LastIndex(path, "/")+1:]), nil
}

// strips returns where the source of files takes a time off the monotonic clock.
func strips(t *testing.T, fset *token.FileSet, files []*ast.File) (found []string) {
	stub := types.Config{IgnoreFuncBodies: true}
	std, err := stub.Check("time", fset, []*ast.File{parse(t, fset, "time.go", timeStub)}, nil)
	require.NoError(t, err)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{
		Importer: onlyTime{std},
		Error:    func(error) {}, // of what was not imported
	}
	_, _ = config.Check("graceful", fset, files, info)
	isTime := func(e ast.Expr) bool {
		t := info.Types[e].Type
		return t != nil && t.String() == "time.Time"
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			use := info.Uses[sel.Sel]
			fromTime := use != nil && use.Pkg() != nil && use.Pkg().Path() == "time"
			_, isMethod := info.Types[sel.X]
			switch {
			case isTime(sel.X) && wallClock[sel.Sel.Name],
				fromTime && wallSources[sel.Sel.Name] && !(isMethod && info.Types[sel.X].IsValue()):
				found = append(found, fset.Position(sel.Pos()).String())
			}
			return true
		})
	}
	return found
}

func parse(t *testing.T, fset *token.FileSet, name string, source any) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(fset, name, source, 0)
	require.NoError(t, err)
	return f
}

func TestNoTimeLosesItsMonotonicReading(t *testing.T) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "_other.go") {
			files = append(files, parse(t, fset, path, nil))
		}
	}
	require.NotEmpty(t, files)
	for _, at := range strips(t, fset, files) {
		// A deadline long past, and no measure of anything.
		require.Regexp(t, `^(conns|handshake|listener|packets|rider)\.go:`, at)
	}
}

func TestTheSearchForStrippedTimesFindsThem(t *testing.T) {
	fset := token.NewFileSet()
	source := `package graceful
import "time"
type run struct{ began time.Time }
func (r *run) f(d time.Duration) {
	_ = r.began.Round(0)
	_ = time.Now().UTC()
	_ = time.Unix(1, 0)
	_ = time.Now().Sub(r.began).Round(time.Second)
	_ = d.Truncate(d)
	_ = r.began.Add(d)
}`
	found := strips(t, fset, []*ast.File{parse(t, fset, "x.go", source)})
	require.Equal(t, []string{"x.go:5:6", "x.go:6:6", "x.go:7:6"}, found)
}
