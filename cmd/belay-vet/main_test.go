package main

// The program as its users run it: the test binary plays the tool, below
// belay-vet itself, below go vet and below go fix.

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/checks"
	"github.com/belay-go/belay/cmd/belay-vet/internal/report"
)

func TestMain(m *testing.M) {
	if byGoCommand(os.Args[1:]) || os.Getenv("BELAY_VET") != "" {
		main()
	}
	os.Exit(m.Run())
}

// module writes a module of those files, and returns its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if files["go.mod"] == "" {
		files["go.mod"] = "module sample\n\ngo 1.26\n"
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

type result struct {
	out, err string
	code     int
}

// command runs a command in dir, outside of any workspace.
func command(t *testing.T, dir, name string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &err
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "PWD="+dir)
	if name == self(t) {
		cmd.Env = append(cmd.Env, "BELAY_VET=1")
	}
	failed := cmd.Run()
	if _, exit := failed.(*exec.ExitError); failed != nil && !exit {
		t.Fatal(failed)
	}
	return result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

func self(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func vetIn(t *testing.T, dir string, args ...string) result {
	t.Helper()
	return command(t, dir, self(t), args...)
}

const bare = "package sample\n\nvar x int //belay:ignore\n"

func TestItExitsAsVetDoes(t *testing.T) {
	clean := module(t, map[string]string{"a.go": "package sample\n"})
	dirty := module(t, map[string]string{"a.go": bare, "a_test.go": strings.ReplaceAll(bare, "x", "y")})
	broken := module(t, map[string]string{"a.go": "package sample\n\nvar x undefined\n"})
	for _, c := range []struct {
		name, dir string
		args      []string
		code      int
		out       string
	}{
		{"nothing found", clean, []string{"./..."}, 0, "nothing found\n"},
		{"found", dirty, []string{"./..."}, 1, "a.go:3:11: ignore: //belay:ignore needs a reason; without one it silences nothing\n"},
		{"each finding once", dirty, nil, 1, "\n2 found, 0 of them with a fix"},
		{"another folder", clean, []string{"-C", dirty}, 1, "2 found"},
		{"a check switched off", dirty, []string{"-ignore=false"}, 0, "nothing found\n"},
		{"flags after one with a value", dirty, []string{"-tags", "a", "-json"}, 0, `"check": "ignore"`},
		{"doesn't compile", broken, nil, 1, ""},
		{"doesn't compile, as SARIF", broken, []string{"-sarif"}, 1, `"results": []`},
		{"no such package", clean, []string{"./nosuch"}, 1, ""},
		{"no such flag", clean, []string{"-nosuch"}, 2, ""},
		{"flags that exclude each other", clean, []string{"-json", "-fix"}, 2, ""},
		{"help", clean, []string{"help"}, 0, "  ignore "},
		{"help of a check", clean, []string{"help", "ignore"}, 0, "## Wrong"},
		{"help of none", clean, []string{"help", "nosuch"}, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := vetIn(t, c.dir, c.args...)
			if r.code != c.code || !strings.Contains(r.out, c.out) || c.code == 2 && r.err == "" {
				t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
			}
		})
	}
}

func TestAPackageIsLookedAtThoughOneThatImportsItWasBefore(t *testing.T) {
	dir := module(t, map[string]string{
		"a.go":     "package sample\n\nimport _ \"sample/sub\"\n",
		"sub/a.go": "package sub // " + t.TempDir() + ": nothing of it is in the cache\n\nvar x int //belay:ignore\n",
	})
	for _, run := range []struct {
		pattern string
		code    int
	}{{".", 0}, {"./sub", 1}, {".", 0}, {"./...", 1}} {
		if r := vetIn(t, dir, run.pattern); r.code != run.code {
			t.Errorf("%s: %+v", run.pattern, r)
		}
	}
}

func TestGoVetAndGoFixTakeItAsTheirTool(t *testing.T) {
	dir := module(t, map[string]string{"a.go": bare})
	r := command(t, dir, "go", "vet", "-vettool="+self(t), "./...")
	if r.code != 1 || !strings.Contains(r.err, "a.go:3:11: //belay:ignore needs a reason") {
		t.Errorf("%+v", r)
	}
	if r := command(t, dir, "go", "fix", "-fixtool="+self(t), "./..."); r.code != 0 {
		t.Errorf("%+v", r)
	}
}

// copied has a finding with a fix, and one of another check without.
const copied = `package sample

import "sync"

func each(list []string, f func(string)) {
	var wg sync.WaitGroup
	defer wg.Wait() //belay:ignore
	for _, x := range list {
		x := x
		wg.Go(func() { f(x) })
	}
}
`

func TestFixesAreShownAndApplied(t *testing.T) {
	mended := strings.Replace(copied, "\t\tx := x\n", "", 1)
	for name, apply := range map[string]func(dir string) result{
		"belay-vet": func(dir string) result { return vetIn(t, dir, "-fix", "./...") },
		"go fix":    func(dir string) result { return command(t, dir, "go", "fix", "-fixtool="+self(t), "./...") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := module(t, map[string]string{"a.go": copied})
			if r := vetIn(t, dir, "-diff", "./..."); r.code != 1 || !strings.Contains(r.out, "\n-\t\tx := x\n") {
				t.Errorf("%+v", r)
			}
			read := func() string {
				text, err := os.ReadFile(filepath.Join(dir, "a.go"))
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			if read() != copied {
				t.Errorf("-diff has changed it to\n%s", read())
			}
			if r := apply(dir); read() != mended {
				t.Errorf("%+v\n%s", r, read())
			}
		})
	}
}

func TestOneCheckCanRunAlone(t *testing.T) {
	dir := module(t, map[string]string{"a.go": copied})
	r := vetIn(t, dir, "-loopvar")
	if !strings.Contains(r.out, ": loopvar: ") || strings.Contains(r.out, ": ignore: ") || !strings.Contains(r.out, "\n1 found, 1 of them with a fix") {
		t.Errorf("%+v", r)
	}
}

func TestJSONAndSARIFNameThePlaceFromTheFolderOfTheRun(t *testing.T) {
	dir := module(t, map[string]string{"sub/a b.go": bare, "a.go": "package sample\n"})
	var findings []report.Finding
	if err := json.Unmarshal([]byte(vetIn(t, dir, "-json", "./...").out), &findings); err != nil {
		t.Fatal(err)
	}
	if len(findings) != 1 || findings[0].File != "sub/a b.go" || findings[0].Line != 3 || findings[0].Package != "sample/sub" {
		t.Errorf("%+v", findings)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Rules []struct{ ID, HelpURI string }
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI, URIBaseID string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(vetIn(t, dir, "-sarif", "./...").out), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(run.Results) != 1 || len(run.Tool.Driver.Rules) != len(checks.All()) {
		t.Fatalf("%+v", log)
	}
	r := run.Results[0]
	at := r.Locations[0].PhysicalLocation
	if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || at.ArtifactLocation.URI != "sub/a%20b.go" ||
		at.ArtifactLocation.URIBaseID != "%SRCROOT%" || at.Region.StartLine != 3 || at.Region.StartColumn != 11 {
		t.Errorf("%+v", r)
	}
}

func TestAModuleMovesOverAndBack(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	const source = "package sample\n\nimport \"golang.org/x/sync/errgroup\"\n\nvar g errgroup.Group\n"
	dir := module(t, map[string]string{
		"go.mod": "module sample\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/belay-go/belay v0.0.0\n\tgolang.org/x/sync v0.24.0\n)\n\n" +
			"require go.uber.org/atomic v1.12.0 // indirect\n\nreplace github.com/belay-go/belay => " + root + "\n",
		"a.go": source,
	})
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o644); err != nil {
		t.Fatal(err)
	}
	text := func() string {
		content, err := os.ReadFile(filepath.Join(dir, "a.go"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	if r := vetIn(t, dir, "-migrate", "./..."); r.code != 0 || !strings.HasSuffix(r.out, "would be rewritten 1, kept 0; -fix does it\n") || text() != source {
		t.Errorf("%+v\n%s", r, text())
	}
	moved := strings.ReplaceAll(source, "golang.org/x/sync", "github.com/belay-go/belay")
	if r := vetIn(t, dir, "-migrate", "-fix", "-tags", "some", "./..."); r.code != 0 || !strings.HasSuffix(r.out, "rewritten 1, kept 0\n") || text() != moved {
		t.Errorf("%+v\n%s", r, text())
	}
	if r := vetIn(t, dir, "-revert", "-fix"); r.code != 0 || text() != source {
		t.Errorf("%+v\n%s", r, text())
	}
	if r := vetIn(t, dir, "-migrate", "-json"); r.code != 2 {
		t.Errorf("%+v", r)
	}
}

func TestGeneratedFilesAndLinesWithAReasonAreLeftAlone(t *testing.T) {
	dir := module(t, map[string]string{
		"a.go": "// Code generated by hand. DO NOT EDIT.\n\n" + bare,
		"b.go": "package sample\n\n//belay:ignore the line below is an example\nvar y int //belay:ignore\n",
	})
	if r := vetIn(t, dir); r.code != 0 {
		t.Errorf("%+v", r)
	}
}

// Every check has a page in a folder of its name, and the list is sorted, since
// people look for a name in it.
func TestEveryCheckIsListedOnceWithItsPage(t *testing.T) {
	if err := analysis.Validate(checks.All()); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	last := ""
	for _, a := range checks.All() {
		if a.Name <= last {
			t.Errorf("%s comes after %s", a.Name, last)
		}
		last, listed[a.Name] = a.Name, true
		if s := summary(a.Doc); s == "" || len(s) > 110 || strings.HasSuffix(s, ".") {
			t.Errorf("%s: %q does not sum it up in a line", a.Name, s)
		}
	}
	folders, err := filepath.Glob("checks/*/doc.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if name := filepath.Base(filepath.Dir(f)); !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
	if len(folders) != len(listed) {
		t.Errorf("%d pages, %d checks", len(folders), len(listed))
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range checks.All() {
		line := "| [" + a.Name + "](checks/" + a.Name + "/doc.md) | " + summary(a.Doc) + " |"
		if !strings.Contains(string(readme), line+"\n") {
			t.Errorf("README.md lacks the line\n%s", line)
		}
	}
}
