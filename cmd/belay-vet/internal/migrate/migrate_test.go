package migrate_test

// Whole modules, one a file of testdata: what moves, what stays and why, that
// the result builds, that nothing is left for a second run, and that the way
// back leads to where it began.

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/belay-go/belay/cmd/belay-vet/internal/migrate"
)

// gomod is that of every module here that has none of its own.
const gomod = `module sample

go 1.26.0

require (
	golang.org/x/sync v0.24.0
	golang.org/x/time v0.16.0
)

replace github.com/belay-go/belay => CHECKOUT
`

// checkout returns the folder of belay itself.
func checkout(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sums returns the lines of go.sum for whatever the modules here may require.
func sums(t *testing.T) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{"go.sum", "internal/bench/go.sum"} {
		content, err := os.ReadFile(filepath.Join(checkout(t), name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return all
}

// download fetches what the modules here require, for the only time that the
// network may be needed.
var download = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "migrate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(strings.ReplaceAll(gomod, "CHECKOUT", "./none")), 0o644); err != nil {
		return err
	}
	cmd := exec.Command("go", "mod", "download")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "PWD="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
})

// A sample is a module in a folder of its own.
type sample struct {
	dir string
	env []string
}

func (s sample) write(t *testing.T, name string, content []byte) {
	t.Helper()
	name = filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpack writes a module out, without what it is to become.
func unpack(t *testing.T, files map[string][]byte) sample {
	t.Helper()
	if err := download(); err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := sample{dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off", "GOSUMDB=off", "CGO_ENABLED=0", "PWD="+dir)}
	if files["go.mod"] == nil {
		files["go.mod"] = []byte(gomod)
	}
	for name, content := range files {
		if !strings.HasPrefix(name, "want/") && name != "report" && name != "args" {
			s.write(t, name, bytes.ReplaceAll(content, []byte("CHECKOUT"), []byte(checkout(t))))
		}
	}
	s.write(t, "go.sum", sums(t))
	return s
}

func (s sample) run(t *testing.T, o migrate.Options) (report string) {
	t.Helper()
	report, err := s.try(o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (s sample) try(o migrate.Options) (string, error) {
	o.Dir, o.Env = s.dir, s.env
	r, err := migrate.Run(context.Background(), o)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	_, err = r.WriteTo(&b)
	return b.String(), err
}

// texts returns the Go files below the folder.
func (s sample) texts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" {
			return err
		}
		content, err := os.ReadFile(name)
		rel, _ := filepath.Rel(s.dir, name)
		found[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s sample) compare(t *testing.T, want map[string]string) {
	t.Helper()
	got := s.texts(t)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is\n%s\nand not\n%s", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, not %d", len(got), len(want))
	}
}

func (s sample) command(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestModulesMoveAndComeBack(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{}
			for _, f := range archive.Files {
				files[f.Name] = f.Data
			}
			there(t, files)
		})
	}
}

// there moves a module, and moves it back.
func there(t *testing.T, files map[string][]byte) {
	patterns := strings.Fields(string(files["args"]))
	s := unpack(t, files)
	start := s.texts(t)
	want := maps.Clone(start)
	for name, content := range files {
		if rel, ok := strings.CutPrefix(name, "want/"); ok {
			want[rel] = string(content)
		}
	}

	report := s.run(t, migrate.Options{Patterns: patterns, Apply: true})
	s.compare(t, want)
	for line := range strings.Lines(string(files["report"])) {
		if line = strings.TrimSpace(line); !strings.Contains(report, line) {
			t.Errorf("the report lacks %q", line)
		}
	}
	if t.Failed() {
		t.Log(report)
	}
	s.command(t, "vet", "-composites=false", "./...") // a sample fills fields without their names

	if again := s.run(t, migrate.Options{Patterns: patterns, Apply: true}); !strings.Contains(again, "nothing to rewrite\n") && !strings.Contains(again, "rewritten 0, kept ") {
		t.Errorf("a second run: %s", again)
	}
	s.compare(t, want)
	back := s.run(t, migrate.Options{Patterns: patterns, Apply: true, Revert: true})
	s.compare(t, start)
	if t.Failed() {
		t.Log(back)
	}
}
