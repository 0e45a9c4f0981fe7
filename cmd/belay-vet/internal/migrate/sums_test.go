package migrate_test

// Modules that come from a proxy, which is a folder here: what go.sum has to
// have after a move.

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/internal/migrate"
)

// A served module has one package, at its root.
type served struct{ path, version, gomod, src string }

// serve lays modules out as a proxy has them.
func serve(t *testing.T, modules ...served) (proxy string) {
	t.Helper()
	proxy = t.TempDir()
	for _, m := range modules {
		base := filepath.Join(proxy, filepath.FromSlash(m.path), "@v", m.version)
		if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
			t.Fatal(err)
		}
		gomod := "module " + m.path + "\n\ngo 1.26.0\n" + m.gomod
		for ext, text := range map[string]string{".info": `{"Version":"` + m.version + `"}`, ".mod": gomod} {
			if err := os.WriteFile(base+ext, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.Create(base + ".zip")
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(file)
		for name, text := range map[string]string{"go.mod": gomod, "a.go": m.src} {
			w, err := z.Create(m.path + "@" + m.version + "/" + name)
			if err == nil {
				_, err = w.Write([]byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range []error{z.Close(), file.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return proxy
}

// Belay raises a module that only the user's test imports, and in the new
// version that module imports another one.
func TestTestsStillBuildWhereBelayRaisesAVersion(t *testing.T) {
	t.Parallel()
	const path = "example.org/helper"
	proxy := serve(t,
		served{path, "v1.0.0", "", "package helper\n\nconst N = 1\n"},
		served{path, "v1.1.0", "require example.org/more v1.0.0\n", "package helper\n\nimport \"example.org/more\"\n\nconst N = more.N\n"},
		served{"example.org/more", "v1.0.0", "", "package more\n\nconst N = 2\n"})
	s := unpack(t, map[string][]byte{
		"go.mod": []byte(strings.Replace(gomod, "CHECKOUT", "./belay", 1) + "\nrequire " + path + " v1.0.0\n"),
		"a.go":   []byte(user),
		"a_test.go": []byte("package sample\n\nimport (\n\t\"testing\"\n\n\t\"" + path + "\"\n)\n\n" +
			"func TestN(t *testing.T) { t.Log(helper.N) }\n"),
		"belay/go.mod":               []byte("module github.com/belay-go/belay\n\ngo 1.26.0\n\nrequire " + path + " v1.1.0\n"),
		"belay/errgroup/errgroup.go": []byte("package errgroup\n\ntype Group struct{}\n"),
	})
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	download := filepath.ToSlash(filepath.Join(strings.TrimSpace(string(cache)), "cache", "download"))
	s.env = append(s.env, "GOPROXY=file://"+filepath.ToSlash(proxy)+",file://"+download, "GONOPROXY=none", "GOPRIVATE=",
		"GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw")
	s.command(t, "mod", "tidy")
	s.command(t, "vet", "./...")

	report := s.run(t, migrate.Options{Apply: true, Version: "v0.0.0"})
	if !strings.HasSuffix(report, "\nrewritten 1, kept 0\n") {
		t.Error(report)
	}
	if gomod := s.read(t, "go.mod"); !strings.Contains(gomod, path+" v1.1.0") {
		t.Errorf("the version hasn't risen: %s", gomod)
	}
	s.command(t, "vet", "./...")
}
