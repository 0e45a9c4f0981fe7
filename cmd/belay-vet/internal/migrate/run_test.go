package migrate_test

// What is asked of the whole: nothing half-done, dry runs that are dry, and
// answers to modules that can't move.

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/internal/migrate"
)

const user = `// Package sample has a group.
package sample

import "golang.org/x/sync/errgroup"

var g errgroup.Group
`

func TestADryRunSaysWhatItWouldDoAndDoesNothing(t *testing.T) {
	t.Parallel()
	s := unpack(t, map[string][]byte{"a.go": []byte(user)})
	before, start := s.read(t, "go.mod"), s.texts(t)
	if report := s.run(t, migrate.Options{}); !strings.HasSuffix(report, "\nwould be rewritten 1, kept 0; -fix does it\n") {
		t.Error(report)
	}
	s.compare(t, start)
	if s.read(t, "go.mod") != before {
		t.Error("go.mod has changed")
	}
}

func (s sample) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAModuleThatUsesNothingOfItIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := unpack(t, map[string][]byte{"a.go": []byte("package sample\n")})
	if report := s.run(t, migrate.Options{Apply: true}); report != "nothing to rewrite\n" {
		t.Error(report)
	}
	if strings.Contains(s.read(t, "go.mod"), "require github.com/belay-go") {
		t.Error("go.mod has changed")
	}
}

func TestWithoutBelayInReachNothingIsWritten(t *testing.T) {
	t.Parallel()
	mod := strings.Replace(gomod, "replace github.com/belay-go/belay => CHECKOUT\n", "", 1)
	s := unpack(t, map[string][]byte{"go.mod": []byte(mod), "a.go": []byte(user)})
	start := s.texts(t)
	_, err := s.try(migrate.Options{Apply: true, Version: "v1.2.3"})
	if err == nil || !strings.Contains(err.Error(), "go get github.com/belay-go/belay@v1.2.3") {
		t.Error(err)
	}
	report := s.run(t, migrate.Options{Version: "v1.2.3"})
	for _, part := range []string{"a.go:4: golang.org/x/sync/errgroup -> ", "note: the result has not been type-checked"} {
		if !strings.Contains(report, part) {
			t.Error(report)
		}
	}
	s.compare(t, start)
	if s.read(t, "go.mod") != mod {
		t.Error("go.mod has changed")
	}
}

func TestLoopVariablesDoNotChangeOnTheWay(t *testing.T) {
	t.Parallel()
	old := strings.Replace(gomod, "go 1.26.0", "go 1.21", 1)
	for _, dep := range []string{"sync v0.24.0", "time v0.16.0"} { // they need more
		old = strings.Replace(old, "\tgolang.org/x/"+dep+"\n", "", 1)
	}
	s := unpack(t, map[string][]byte{"go.mod": []byte(old + "replace golang.org/x/sync => ./sync\n"), "a.go": []byte(user),
		"sync/go.mod":               []byte("module golang.org/x/sync\n\ngo 1.21\n"),
		"sync/errgroup/errgroup.go": []byte("package errgroup\n\ntype Group struct{}\n")})
	start := s.texts(t)
	if _, err := s.try(migrate.Options{Apply: true}); err == nil || !strings.Contains(err.Error(), "each turn of a loop has variables of its own") {
		t.Error(err)
	}
	s.compare(t, start)
}

func TestAVendorFolderIsToBeMadeAnew(t *testing.T) {
	t.Parallel()
	s := unpack(t, map[string][]byte{"a.go": []byte(user)})
	s.command(t, "mod", "tidy")
	s.command(t, "mod", "vendor")
	report := s.run(t, migrate.Options{Apply: true})
	if !strings.Contains(report, "next: go mod tidy && go mod vendor,") || !strings.HasSuffix(report, "\nrewritten 1, kept 0\n") {
		t.Error(report)
	}
	s.command(t, "mod", "tidy")
	s.command(t, "mod", "vendor")
	s.command(t, "vet", "./...")
}

func TestNamesThatOnlyBelayHasKeepItOnTheWayBack(t *testing.T) {
	t.Parallel()
	s := unpack(t, map[string][]byte{
		"a/a.go":       []byte("package a\n\nimport \"github.com/belay-go/belay/errgroup\"\n\nvar g errgroup.Group\n\nvar n = g.Stats().Total\n"),
		"b/b.go":       []byte("package b\n\nimport \"github.com/belay-go/belay/errgroup\"\n\nvar o errgroup.Options\n"),
		"c/c.go":       []byte("package c\n\nimport \"github.com/belay-go/belay/errgroup\"\n\nvar g errgroup.Group\n"),
		"d/d_plan9.go": []byte("package d\n\nimport \"github.com/belay-go/belay/errgroup\"\n\nvar g errgroup.Group\n\nvar n = g.Resize\n"),
	})
	s.write(t, "go.mod", []byte(strings.ReplaceAll(gomod, "CHECKOUT", checkout(t))+"\nrequire github.com/belay-go/belay v0.0.0\n"))
	report := s.run(t, migrate.Options{Apply: true, Revert: true})
	for _, part := range []string{
		"a/a.go:7: uses Stats, which golang.org/x/sync/errgroup doesn't have",
		"b/b.go:5: uses Options, which",
		"c/c.go:3: github.com/belay-go/belay/errgroup -> golang.org/x/sync/errgroup",
		"d/d_plan9.go:7: isn't built here, and has the name Resize, which",
		"\nrewritten 1, kept 3\n",
	} {
		if !strings.Contains(report, part) {
			t.Errorf("%s lacks %s", report, part)
		}
	}
}

func TestAPackageThatDoesNotCompileStays(t *testing.T) {
	t.Parallel()
	s := unpack(t, map[string][]byte{"a.go": []byte(user + "\nvar x undefined\n"), "b/b.go": []byte(user)})
	report := s.run(t, migrate.Options{Apply: true})
	if !strings.Contains(report, "a.go:2: the package doesn't compile: undefined: undefined") || !strings.HasSuffix(report, "\nrewritten 1, kept 1\n") {
		t.Error(report)
	}
}

func TestAFailedWriteLeavesAllFilesAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.go"), filepath.Join(dir, "b.go")
	for _, name := range []string{a, filepath.Join(b, "c.go")} { // b.go is a folder, which no file replaces
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	broken := migrate.Edit(b, "", "new")
	ctx, cancel := context.WithCancel(context.Background())
	if err := migrate.Apply(ctx, migrate.Edit(a, "old", "new"), migrate.Absent(broken)); err == nil {
		t.Error("a folder was replaced")
	}
	if err := migrate.Apply(ctx, migrate.Edit(a, "older", "new")); err == nil || !strings.Contains(err.Error(), "has changed meanwhile") {
		t.Error(err)
	}
	cancel()
	if err := migrate.Apply(ctx, migrate.Edit(a, "old", "new")); err != context.Canceled {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Error(left, err)
	}
	if now, err := os.ReadFile(a); err != nil || string(now) != "old" {
		t.Errorf("%s %v", now, err)
	}
	if info, err := os.Stat(a); err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info, err)
	}
}

func TestOnlyPathsOfImportsChange(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"text elsewhere", "package a\n\nimport \"golang.org/x/sync/errgroup\"\n\nvar s = \"golang.org/x/sync/errgroup\"\n",
			"package a\n\nimport \"github.com/belay-go/belay/errgroup\"\n\nvar s = \"golang.org/x/sync/errgroup\"\n"},
		{"a raw string", "package a\n\nimport `golang.org/x/time/rate`\n", "package a\n\nimport \"github.com/belay-go/belay/limiter/rate\"\n"},
		{"line ends of two bytes", "package a\r\n\r\nimport \"golang.org/x/time/rate\"\r\n", "package a\r\n\r\nimport \"github.com/belay-go/belay/limiter/rate\"\r\n"},
		{"comments go with their imports", "package a\n\nimport (\n\t\"a.example/z\"\n\t\"golang.org/x/time/rate\" // limits\n)\n",
			"package a\n\nimport (\n\t\"a.example/z\"\n\t\"github.com/belay-go/belay/limiter/rate\" // limits\n)\n"},
		{"a group is sorted, and no other", "package a\n\nimport (\n\t\"golang.org/x/sync/errgroup\"\n\n\t\"a.example/a\"\n\t\"golang.org/x/sync/singleflight\"\n)\n",
			"package a\n\nimport (\n\t\"github.com/belay-go/belay/errgroup\"\n\n\t\"a.example/a\"\n\t\"golang.org/x/sync/singleflight\"\n)\n"},
	} {
		if got, err := migrate.Rewrite(c.src); err != nil || got != c.want {
			t.Errorf("%s: %q %v", c.name, got, err)
		}
	}
}
