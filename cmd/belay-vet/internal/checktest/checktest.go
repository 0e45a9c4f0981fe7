// Package checktest runs a check on what it must find and on what it must
// leave alone: the files of its folder below checks/testdata/src, and the
// examples of its page. What a suggested fix makes of a file must compile.
package checktest

import (
	"os"
	"path/filepath"
	"regexp"
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
// for what depends on the version of the language.
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
	misses := false
	for _, dir := range dirs {
		name := filepath.Base(dir)
		misses = misses || strings.HasPrefix(name, "misses")
		t.Run(name, func(t *testing.T) {
			wants := count(t, dir, "*.go", " want \"")
			if strings.HasPrefix(name, "misses") != (wants == 0) {
				t.Fatalf("%d findings expected in %s", wants, dir)
			}
			root, pattern := testdata, a.Name+"/"+name
			if own(dir) {
				root, pattern = dir, "."
			}
			for _, r := range analysistest.RunWithSuggestedFixes(t, root, a, pattern) {
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
					load(t, testdata, "./"+a.Name+"/"+name, map[string][]byte{strings.TrimSuffix(golden, ".golden"): fixed})
				}
			}
		})
	}
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

// load type-checks the package in dir, with the files of the overlay instead of
// those on disk.
func load(t *testing.T, testdata, dir string, overlay map[string][]byte) []*packages.Package {
	t.Helper()
	root, env := filepath.Join(testdata, "src"), []string{"GOPATH=" + testdata, "GO111MODULE=off", "GOWORK=off", "GOFLAGS="}
	if own(filepath.Join(root, dir)) {
		root, dir, env = filepath.Join(root, dir), ".", []string{"GO111MODULE=on", "GOPROXY=off", "GOWORK=off", "GOFLAGS="}
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode:    packages.LoadAllSyntax | packages.NeedModule,
		Dir:     root,
		Env:     append(os.Environ(), env...),
		Overlay: overlay,
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range pkgs {
		for _, err := range pkg.Errors {
			for file, content := range overlay {
				t.Errorf("%s does not compile: %v\n%s", file, err, content)
			}
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
	seen := map[string]int{}
	starts := sections.FindAllStringSubmatchIndex(text, -1)
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		verdict := text[start[2]:start[3]]
		for _, block := range blocks.FindAllStringSubmatch(text[start[1]:end], -1) {
			seen[verdict]++
			found := example(t, testdata, a, block[1])
			if verdict == "Wrong" && found == 0 {
				t.Errorf("found nothing in\n%s", block[1])
			}
			if verdict == "Right" && found > 0 {
				t.Errorf("found something in\n%s", block[1])
			}
		}
	}
	if seen["Wrong"] == 0 || seen["Right"] == 0 {
		t.Errorf("the page needs ## Wrong and ## Right, with examples: %v", seen)
	}
}

func example(t *testing.T, testdata string, a *analysis.Analyzer, source string) (findings int) {
	t.Helper()
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
	name := filepath.Join(testdata, "src", a.Name, "page", "example.go")
	pkgs := load(t, testdata, "./"+a.Name+"/page", map[string][]byte{name: []byte(file + source)})
	graph, err := checker.Analyze([]*analysis.Analyzer{a}, pkgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range graph.Roots {
		if root.Err != nil {
			t.Error(root.Err)
		}
		findings += len(root.Diagnostics)
	}
	return findings
}
