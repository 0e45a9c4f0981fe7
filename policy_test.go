package belay_test

// This file is the module's architecture as data: which package may import
// what, through whatever chain. A program that imports the drop-in errgroup
// must not grow by a web server, and the packages depend on each other one way.

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/belay-go/belay"

// heavy are the packages of the standard library that only those may reach,
// directly or not, that are named here with them.
var heavy = map[string][]string{
	"net/http":      {"graceful", "graceful/status", "limiter/httplimit", "timeout/httptimeout"},
	"crypto/tls":    {"graceful", "graceful/status", "limiter/httplimit", "timeout/httptimeout"},
	"os/signal":     {"graceful", "graceful/status", "limiter/httplimit", "timeout/httptimeout"},
	"log/slog":      {"graceful", "graceful/status", "limiter/httplimit", "timeout/httptimeout"},
	"runtime/pprof": {"graceful", "graceful/status", "limiter/httplimit", "timeout/httptimeout"},
	"html/template": {"graceful/status"},
	"testing":       {},
}

// layers are the packages from the bottom up: each may import those of lower
// layers and what is named in internal, and never one of its own layer.
var layers = [][]string{
	{""}, // belay itself
	{"ctxutil"},
	{"timeout"},
	{"errgroup", "limiter", "timeout/httptimeout"},
	{"limiter/semaphore", "limiter/rate", "limiter/adaptive", "limiter/keyed", "limiter/pool", "limiter/httplimit"},
	{"graceful"},
	{"graceful/status"},
}

// modules are the only ones outside of the standard library that packages, not
// tests, may import.
var modules = []string{module, "golang.org/x/sync", "go.uber.org/atomic"}

// libraries returns the packages that users import, as folders below the root.
func libraries(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pkg := range goList(t, "{{.ImportPath}} {{.Name}}", "./...") {
		path, name, _ := strings.Cut(pkg, " ")
		if dir := folder(path); name != "main" && !strings.HasPrefix(dir, "internal/") {
			found = append(found, dir)
		}
	}
	require.Contains(t, found, "errgroup")
	return found
}

func folder(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

func goList(t *testing.T, format string, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-f", format}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return line == "" })
}

// imports returns what a package imports, itself or through others.
func imports(t *testing.T, dir string, transitive bool) []string {
	format := "{{range .Imports}}{{.}}\n{{end}}"
	if transitive {
		format = "{{range .Deps}}{{.}}\n{{end}}"
	}
	return goList(t, format, "./"+filepath.ToSlash(dir))
}

func TestNoPackageReachesMoreThanItMay(t *testing.T) {
	for _, dir := range libraries(t) {
		for _, path := range imports(t, dir, true) {
			if allowed, limited := heavy[path]; limited {
				require.Contains(t, allowed, dir, "%s must not reach %s", dir, path)
			}
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") {
				require.True(t, slices.ContainsFunc(modules, func(m string) bool {
					return path == m || strings.HasPrefix(path, m+"/")
				}), "%s imports %s", dir, path)
			}
		}
		require.NotContains(t, imports(t, dir, false), "unsafe", dir)
	}
}

func TestImportsGoOneWay(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, dir := range layer {
			level[dir] = i
		}
	}
	for _, dir := range libraries(t) {
		require.Contains(t, level, dir, "%s is in no layer", dir)
		for _, path := range imports(t, dir, true) {
			if other := folder(path); strings.HasPrefix(path+"/", module+"/") && !strings.HasPrefix(other, "internal/") {
				require.Less(t, level[other], level[dir], "%s imports %s", dir, other)
			}
		}
	}
}

func TestTheModuleRequiresExactlyThreeOthers(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []any
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	require.Empty(t, mod.Replace)
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	require.Equal(t, []string{"github.com/stretchr/testify", "go.uber.org/atomic", "golang.org/x/sync"}, direct)
}

// A newcomer opens a file and reads first what it is for.
func TestEveryFileSaysInItsFirstLinesWhyItExists(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		files++
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := strings.SplitN(string(source), "\n", 7)
		require.True(t, slices.ContainsFunc(lines[:min(6, len(lines))], func(line string) bool {
			return strings.HasPrefix(line, "// ") && !strings.HasPrefix(line, "//go:")
		}), "%s does not say what it is for", path)
		return nil
	}))
	require.Greater(t, files, 100)
}
