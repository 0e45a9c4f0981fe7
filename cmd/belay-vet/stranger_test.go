package main

// A stranger's module: nothing of this checkout is in reach, neither by go.work
// nor by a replace, and the tool comes as a module from a proxy.

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	toolPath    = "github.com/belay-go/belay/cmd/belay-vet"
	toolVersion = "v0.9.0"
)

// proxy lays this module out as a module proxy serves it, and returns the
// folder.
func proxy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, filepath.FromSlash(toolPath), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list":                toolVersion + "\n",
		toolVersion + ".info": `{"Version":"` + toolVersion + `"}`,
		toolVersion + ".mod":  string(gomod),
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(filepath.Join(at, toolVersion+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	err = fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != "." {
				return fs.SkipDir // a module of its own is no part of this one
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(toolPath + "@" + toolVersion + "/" + path)
		if err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	for _, err := range []error{err, z.Close(), file.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAStrangerRunsItByItsVersionAlone(t *testing.T) {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := module(t, map[string]string{"a.go": bare})
	cmd := exec.Command("go", "run", toolPath+"@"+toolVersion, "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir, "GOWORK=off", "GOSUMDB=off", "GOFLAGS=-modcacherw", "GONOPROXY=none", "GOPRIVATE=",
		"GOMODCACHE="+t.TempDir(),
		"GOPROXY=file://"+filepath.ToSlash(proxy(t))+",file://"+filepath.ToSlash(filepath.Join(strings.TrimSpace(string(cache)), "cache", "download")))
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "a.go:3:11: ignore: ") || !strings.Contains(string(out), "\n1 found") || err == nil {
		t.Errorf("%v\n%s", err, out)
	}
	if gomod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || strings.Contains(string(gomod), "belay") {
		t.Errorf("go.mod was changed: %s %v", gomod, err)
	}
}
