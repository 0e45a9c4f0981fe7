// Package checktest runs a check on what it must find and on what it must
// leave alone: the files of its folder below checks/testdata/src, and the
// examples of its page. What a suggested fix makes of a file must compile.
package checktest

import (
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
)

// Run tests the analyzer on each package below checks/testdata/src in the
// folder of its name. A package whose name begins with "misses" has nothing
// to find, each other one has something, and where a fix is suggested a .golden
// file says what it leads to. A package with a go.mod is a module of its own,
// for what depends on the version of the language. One whose name ends with
// _go126 is refused by the compilers of later versions, and left out there.
func Run(t *testing.T, a *analysis.Analyzer) {
	t.Helper()
	testdata, err := filepath.Abs("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(testdata, "src")
	dirs, err := filepath.Glob(filepath.Join(src, a.Name, "*"))
	if err != nil || len(dirs) < 2 {
		t.Fatalf("%s: found %v, need hits and misses (%v)", a.Name, dirs, err)
	}
	var together []string // those below GOPATH, for one load: what they import is type-checked once
	for _, dir := range dirs {
		if strings.HasSuffix(dir, "_go126") && version.Compare(runtime.Version(), "go1.27") >= 0 {
			continue
		}
		if own(dir) {
			t.Run(filepath.Base(dir), func(t *testing.T) { packagesOf(t, a, dir, testdata, ".") })
		} else {
			together = append(together, a.Name+"/"+filepath.Base(dir))
		}
	}
	packagesOf(t, a, testdata, testdata, together...)
	misses := slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(filepath.Base(dir), "misses") })
	if !misses {
		t.Errorf("%s: nothing shows what it leaves alone", a.Name)
	}
	t.Run("page", func(t *testing.T) { page(t, testdata, a) })
}

// own reports whether the folder is a module of its own.
func own(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// packagesOf runs the analyzer on packages below root.
func packagesOf(t *testing.T, a *analysis.Analyzer, root, testdata string, patterns ...string) {
	t.Helper()
	for _, r := range analysistest.RunWithSuggestedFixes(t, root, a, patterns...) {
		pkg := r.Action.Package
		dir := filepath.Dir(pkg.GoFiles[0])
		if strings.HasSuffix(pkg.PkgPath, ".test") {
			continue // the main that the go command writes
		}
		name := filepath.Base(dir)
		wants := count(t, dir, "*.go", " want \"")
		if strings.HasPrefix(name, "misses") != (wants == 0) {
			t.Errorf("%d findings expected in %s", wants, dir)
		}
		fixes := 0
		for _, d := range r.Action.Diagnostics {
			fixes += len(d.SuggestedFixes)
		}
		goldens, _ := filepath.Glob(filepath.Join(dir, "*.golden"))
		if fixes > 0 && len(goldens) == 0 {
			t.Errorf("%s: a fix is suggested, and no .golden file says what it leads to", name)
		}
		for _, golden := range goldens {
			fixed, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			load(t, packages.LoadTypes|packages.NeedSyntax, testdata, map[string][]byte{strings.TrimSuffix(golden, ".golden"): fixed}, "./"+a.Name+"/"+name)
		}
	}
}

func count(t *testing.T, dir, pattern, text string) (n int) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, pattern))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(content), text)
	}
	return n
}

// load loads packages, with the files of the overlay instead of those on disk,
// and fails the test for what doesn't compile.
func load(t *testing.T, mode packages.LoadMode, testdata string, overlay map[string][]byte, dirs ...string) []*packages.Package {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{
		Mode:    mode | packages.NeedModule,
		Dir:     filepath.Join(testdata, "src"),
		Env:     append(os.Environ(), "GOPATH="+testdata, "GO111MODULE=off", "GOWORK=off", "GOFLAGS="),
		Overlay: overlay,
	}, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range pkgs {
		for _, err := range pkg.Errors {
			t.Errorf("%v\n%s", err, overlay[strings.SplitN(err.Pos, ":", 2)[0]])
		}
	}
	return pkgs
}

var (
	sections = regexp.MustCompile(`(?m)^## (Wrong|Right).*$`)
	blocks   = regexp.MustCompile("(?s)```go\n(.*?)```")
)

// paths are the packages that examples name without importing them.
var paths = map[string]string{
	"errgroup": "golang.org/x/sync/errgroup", "semaphore": "golang.org/x/sync/semaphore", "rate": "golang.org/x/time/rate",
	"limiter": "github.com/belay-go/belay/limiter", "timeout": "github.com/belay-go/belay/timeout",
	"ctxutil": "github.com/belay-go/belay/ctxutil", "grpc": "google.golang.org/grpc",
	"context": "context", "errors": "errors", "fmt": "fmt", "io": "io", "http": "net/http", "log": "log", "net": "net",
	"os": "os", "runtime": "runtime", "signal": "os/signal", "sync": "sync", "syscall": "syscall", "time": "time",
}

var qualifier = regexp.MustCompile(`\b([a-z]+)\.[A-Z]`)

// page runs the analyzer on the examples of its own page: it must find
// something in each of those below Wrong, and nothing in those below Right.
func page(t *testing.T, testdata string, a *analysis.Analyzer) {
	content, err := os.ReadFile("doc.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	var dirs []string
	sources, wrong := map[string]string{}, map[string]bool{} // by path of the package
	overlay := map[string][]byte{}
	starts := sections.FindAllStringSubmatchIndex(text, -1)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		for _, block := range blocks.FindAllStringSubmatch(text[start[1]:end], -1) {
			dir := fmt.Sprintf("%s/page%d", a.Name, len(dirs))
			dirs = append(dirs, "./"+dir)
			sources[dir], wrong[dir] = block[1], text[start[2]:start[3]] == "Wrong"
			overlay[filepath.Join(testdata, "src", dir, "example.go")] = example(block[1])
		}
	}
	// One load for all: what they import is type-checked once.
	graph, err := checker.Analyze([]*analysis.Analyzer{a}, load(t, packages.LoadAllSyntax, testdata, overlay, dirs...), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[bool]int{}
	for _, root := range graph.Roots {
		if root.Err != nil {
			t.Error(root.Err)
		}
		dir := root.Package.PkgPath
		seen[wrong[dir]]++
		if found := len(root.Diagnostics); (found > 0) != wrong[dir] {
			t.Errorf("%d found in\n%s", found, sources[dir])
		}
	}
	if seen[true] == 0 || seen[false] == 0 || len(graph.Roots) != len(dirs) {
		t.Errorf("the page needs ## Wrong and ## Right, with examples: %v of %d", seen, len(dirs))
	}
}

// example makes a file of an example, which doesn't say what it imports.
func example(source string) []byte {
	pkg := "p"
	if strings.Contains(source, "func main()") {
		pkg = "main"
	}
	file := "package " + pkg + "\n"
	var imported []string
	for _, match := range qualifier.FindAllStringSubmatch(source, -1) {
		if path := paths[match[1]]; path != "" && !slices.Contains(imported, path) {
			imported = append(imported, path)
			file += "import \"" + path + "\"\n"
		}
	}
	return []byte(file + source)
}
