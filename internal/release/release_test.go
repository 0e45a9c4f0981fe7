package main_test

// This file releases a small repository that has every shape of the real one,
// and plants in it what must be refused. What it needs, it has: no network.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// command is the release command, built once.
var command string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		panic(err)
	}
	command = filepath.Join(dir, "release.exe")
	if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// small is a root with a command, two modules for users of which one needs the
// other, a command with a module of its own, and a module that nobody gets.
var small = map[string]string{
	"go.mod":                 "module small.example/small\n\ngo 1.26.0\n",
	"LICENSE":                "none\n",
	"CHANGELOG.md":           "# Changelog\n\n## v1.0.0\n\n### Added\n- everything\n",
	"small.go":               "package small\n\nconst Name = \"small\"\n",
	"cmd/run/main.go":        "package main\n\nimport \"small.example/small\"\n\nfunc main() { println(small.Name) }\n",
	"cmd/vet/go.mod":         "module small.example/small/cmd/vet\n\ngo 1.26.0\n\nrequire small.example/small/contrib/a v0.0.0\n\nrequire small.example/small v0.0.0 // indirect\n",
	"cmd/vet/main.go":        "package main\n\nimport \"small.example/small/contrib/a\"\n\nfunc main() { println(a.Name) }\n",
	"contrib/a/go.mod":       "module small.example/small/contrib/a\n\ngo 1.26.0\n\nrequire small.example/small v0.0.0\n",
	"contrib/a/a.go":         "package a\n\nimport \"small.example/small\"\n\nconst Name = small.Name\n",
	"contrib/a/deep/deep.go": "package deep\n",
	"examples/go.mod": "module small.example/small/examples\n\ngo 1.26.0\n\nrequire (\n\tsmall.example/small v0.0.0\n\tsmall.example/small/contrib/a v0.0.0\n)\n" +
		"\nreplace (\n\tsmall.example/small => ../\n\tsmall.example/small/contrib/a => ../contrib/a\n)\n",
	"examples/main.go":          "package main\n\nimport (\n\t\"small.example/small\"\n\t\"small.example/small/contrib/a\"\n)\n\nfunc main() { println(small.Name, a.Name) }\n",
	"contrib/a/testdata/go.mod": "module not.looked/at\n",
}

// repository writes the small one, with changes: path -> new text, or "-" for
// a file that is not there.
func repository(t *testing.T, changes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, files := range []map[string]string{small, changes} {
		for path, text := range files {
			file := filepath.Join(dir, filepath.FromSlash(path))
			if text == "-" {
				require.NoError(t, os.Remove(file))
				continue
			}
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		}
	}
	git(t, dir, "init", "--quiet", "--initial-branch", "main")
	git(t, dir, "add", "--all")
	git(t, dir, "commit", "--quiet", "-m", "all of it")
	return dir
}

// run runs a program in dir, with an identity for git and without the network.
func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=", "GOPROXY=off", "GOFLAGS=",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@a.example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@a.example")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := run(dir, "git", args...)
	require.NoError(t, err, out)
	return strings.TrimSpace(out)
}

func TestADryReleaseChangesNothing(t *testing.T) {
	dir := repository(t, nil)
	before := git(t, dir, "rev-parse", "HEAD")

	out, err := run(dir, command, "-version", "v1.0.0", "-dry")
	require.NoError(t, err, out)

	require.Contains(t, out, "got and built            small.example/small/contrib/a@v1.0.0, packages: 2")
	require.Contains(t, out, "installed                small.example/small/cmd/run@v1.0.0")
	require.Contains(t, out, "installed                small.example/small/cmd/vet@v1.0.0")
	require.Empty(t, git(t, dir, "tag"))
	require.Empty(t, git(t, dir, "status", "--porcelain"))
	require.Equal(t, before, git(t, dir, "rev-parse", "HEAD"))
}

func TestAReleaseTagsEveryModuleOnOneCommitAndPushesNothing(t *testing.T) {
	dir, remote := repository(t, nil), t.TempDir()
	git(t, remote, "init", "--quiet", "--bare")
	git(t, dir, "remote", "add", "origin", remote)

	out, err := run(dir, command, "-version", "v1.0.0")
	require.NoError(t, err, out)

	require.Equal(t, "cmd/vet/v1.0.0\ncontrib/a/v1.0.0\nv1.0.0", git(t, dir, "tag"))
	require.Empty(t, git(t, remote, "tag"))
	for _, tag := range []string{"cmd/vet/v1.0.0", "contrib/a/v1.0.0"} {
		require.Equal(t, git(t, dir, "rev-parse", "v1.0.0^{commit}"), git(t, dir, "rev-parse", tag+"^{commit}"))
	}
	require.Equal(t, git(t, dir, "rev-parse", "HEAD"), git(t, dir, "rev-parse", "v1.0.0^{commit}^"))
	for _, path := range []string{"cmd/vet", "contrib/a", "examples"} {
		require.NotContains(t, git(t, dir, "show", "v1.0.0:"+path+"/go.mod"), "v0.0.0")
	}
	sums := git(t, dir, "show", "v1.0.0:cmd/vet/go.sum")
	require.Len(t, strings.Split(sums, "\n"), 4, sums)

	root, a := strings.Index(out, "clone      v1.0.0"), strings.Index(out, "clone      contrib/a/v1.0.0")
	require.Less(t, root, a)
	require.Less(t, a, strings.Index(out, "clone      cmd/vet/v1.0.0"))

	_, err = run(dir, command, "-version", "v1.0.0")
	require.Error(t, err, "a version is released once")
}

// faults are what somebody may leave in a repository.
var faults = []struct {
	name    string
	changes map[string]string
	dirty   bool
	version string
	says    string
}{
	{name: "a tree that is not clean", dirty: true, says: "the tree is not clean"},
	{name: "no entry in the changelog", changes: map[string]string{"CHANGELOG.md": "# Changelog\n\n## Unreleased\n- everything\n"}, says: `CHANGELOG.md has no section "## v1.0.0"`},
	{name: "an empty entry", changes: map[string]string{"CHANGELOG.md": "## v1.0.0\n\n## v0.9.0\n- a start\n"}, says: "CHANGELOG.md says nothing about v1.0.0"},
	{name: "entries that have no version", changes: map[string]string{"CHANGELOG.md": "## Unreleased\n- more\n\n## v1.0.0\n- everything\n"}, says: `CHANGELOG.md has entries below "## Unreleased"`},
	{name: "a requirement that nobody publishes", changes: map[string]string{
		"contrib/a/go.mod":  small["contrib/a/go.mod"] + "\nrequire small.example/small/internal/b v0.0.0\n",
		"internal/b/go.mod": "module small.example/small/internal/b\n\ngo 1.26.0\n",
	}, says: "contrib/a requires small.example/small/internal/b v0.0.0, which nobody publishes"},
	{name: "a requirement of what is not there", changes: map[string]string{
		"contrib/a/go.mod": small["contrib/a/go.mod"] + "\nrequire small.example/gone v0.0.0\n",
	}, says: "contrib/a requires small.example/gone v0.0.0, which nobody publishes"},
	{name: "a replace", changes: map[string]string{
		"contrib/a/go.mod": small["contrib/a/go.mod"] + "\nreplace small.example/small => ../..\n",
	}, says: "contrib/a has a replace of small.example/small"},
	{name: "a replace in the root", changes: map[string]string{
		"go.mod": small["go.mod"] + "\nreplace other.example/other => ./other\n",
	}, says: "the root module has a replace of other.example/other"},
	{name: "a module that does not build", changes: map[string]string{
		"contrib/a/deep/deep.go": "package deep\n\nvar x int = \"no number\"\n",
	}, says: "contrib/a does not build at v1.0.0"},
	{name: "a command that does not build", changes: map[string]string{
		"cmd/run/main.go": "package main\n\nfunc main() { missing() }\n",
	}, says: "small.example/small/cmd/run cannot be installed at v1.0.0"},
	{name: "a module that imports what it does not require", changes: map[string]string{
		"contrib/a/deep/deep.go": "package deep\n\nimport _ \"other.example/other\"\n",
	}, says: "contrib/a does not resolve by itself"},
	{name: "modules that need each other", changes: map[string]string{
		"go.mod": small["go.mod"] + "\nrequire small.example/small/contrib/a v0.0.0\n",
	}, says: "in a circle"},
	{name: "a version that is none", version: "1.0", says: `"1.0" is not a version such as v1.2.3`},
	{name: "a version that needs other paths", version: "v2.0.0", says: "v2.0.0 needs module paths that end in /v2"},
}

func TestWhatMustNotBeReleasedIsRefused(t *testing.T) {
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			dir := repository(t, fault.changes)
			if fault.dirty {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "small.go"), []byte("package small\n"), 0o644))
			}
			version := fault.version
			if version == "" {
				version = "v1.0.0"
			}
			out, err := run(dir, command, "-version", version)
			require.Error(t, err, out)
			require.Contains(t, out, "release: ")
			require.Contains(t, out, fault.says)
			require.Empty(t, git(t, dir, "tag"))
		})
	}
}
