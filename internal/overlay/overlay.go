// Package overlay runs the go command on source that exists only while it
// runs: another package's own tests pointed at ours, a copy that go vet has to
// complain about. Nothing is written into the module, and nobody else's source
// is kept in it.
package overlay

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// patience bounds one run of the go command.
const patience = 5 * time.Minute

// Go runs "go verb -overlay ... args" in the current folder as if it held more
// files: path below it -> source.
func Go(t testing.TB, files map[string]string, verb string, args ...string) (output string, err error) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	replace := map[string]string{}
	for path, source := range files {
		file := filepath.Join(temp, fmt.Sprintf("source%d.go", len(replace)))
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, path)] = file
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(index, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "", "go", append([]string{verb, "-overlay", index}, args...)...)
}

// Test builds the given test files as a package of their own and runs them, in
// an empty folder, under the race detector if the caller is. It fails t unless
// every test func in the files passes, those named in except not run; fewer
// tests than atLeast mean that they were not found.
func Test(t testing.TB, atLeast int, files map[string]string, except ...string) {
	t.Helper()
	below := map[string]string{}
	var names []string
	for name, source := range files {
		below[filepath.Join("overlaid", name)] = source
		for _, m := range testFunc.FindAllStringSubmatch(source, -1) {
			names = append(names, m[1])
		}
	}
	if len(names) < atLeast {
		t.Fatalf("overlay: %d tests found, not %d", len(names), atLeast)
	}
	// Built first and run then, without vet: there is no folder to do that in.
	binary := filepath.Join(t.TempDir(), "overlaid.test")
	args := []string{"-c", "-vet=off", "-o", binary}
	if underRace() {
		args = append(args, "-race")
	}
	if out, err := Go(t, below, "test", append(args, "./overlaid")...); err != nil {
		t.Fatalf("overlay: %v\n%s", err, out)
	}
	flags := []string{"-test.v", "-test.timeout=2m"}
	if len(except) > 0 {
		flags = append(flags, "-test.skip=^("+strings.Join(except, "|")+")$")
	}
	out, err := run(t, filepath.Dir(binary), binary, flags...)
	if err != nil {
		t.Fatalf("overlay: %v\n%s", err, out)
	}
	excepted := "," + strings.Join(except, ",") + ","
	for _, name := range names {
		if !strings.Contains(excepted, ","+name+",") && !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("overlay: %s did not run and pass", name)
		}
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// Dir returns the folder of a module that the current one requires.
func Dir(t testing.TB, module string) string {
	t.Helper()
	out, err := run(t, "", "go", "list", "-m", "-f", "{{.Dir}}", module)
	dir := strings.TrimSpace(out)
	if err != nil || dir == "" {
		t.Fatalf("overlay: no module %s: %v %s", module, err, out)
	}
	return dir
}

// Read returns a file's content with each old text replaced by the new one.
// A text that is not there fails t: the file has changed.
func Read(t testing.TB, path string, oldnew ...string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source := string(data)
	for i := 0; i+1 < len(oldnew); i += 2 {
		if !strings.Contains(source, oldnew[i]) {
			t.Fatalf("overlay: %s has changed: it does not contain %q", path, oldnew[i])
		}
		source = strings.ReplaceAll(source, oldnew[i], oldnew[i+1])
	}
	return source
}

func run(t testing.TB, dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// underRace reports whether this binary was built with the race detector.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
