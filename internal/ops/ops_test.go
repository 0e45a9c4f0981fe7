package ops_test

// The reader is held against a small module of which all is known, and against
// what it must not pass over in silence.

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/ops"
)

const base = `package main // a sample

import ("context"; "flag"; "log/slog"; "os"; "fmt"; "syscall")

type reply struct {
	Error string ` + "`json:\"error,omitempty\"`" + `
	State mood ` + "`json:\"state\"`" + `
	hidden int
	Parts []struct{ Age float64 ` + "`json:\"age\"`" + ` } ` + "`json:\"parts\"`" + `
}

type mood string

const fine mood = "fine"

var _ = flag.Bool("loud", false, "")

var own = map[string]*bool{"quiet": nil}

var verbs = []string{"go"}

func main() { os.Exit(run(os.Getenv("BELAY_X"))) }

func run(mode string) int {
	fail := func(err error) int { fmt.Fprintf(os.Stderr, "sample: %v\n", err); return 4 }
	if mode == "" { return fail(context.Canceled) }
	if mode == "-" { return bare() }
	state := "still up"
	if len(mode) > 1 { state = "still down" }
	args := []any{"a", 1}
	if mode == "b" { args = append(args, "b", 2) }
	slog.Warn("sample: "+state, append(args, "c", 3)...)
	code := 0
	if mode == "x" { code = 2 }
	fmt.Print(syscall.SIGHUP, len(verbs), reply{}, "READY=1\nSTATUS=x")
	return max(code, 1)
}

func bare() (code int) {
	code = 5
	return
}
`

// module writes a module of these files, and reads it.
func module(t *testing.T, files map[string]string) ([]string, error) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.com/sample\n\ngo 1.26\n"
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	t.Setenv("GOWORK", "off")
	facts, err := ops.Read(dir, "./...")
	var lines []string
	for _, f := range facts {
		lines = append(lines, f.String())
	}
	return lines, err
}

func TestAllThatTheSampleSaysIsFound(t *testing.T) {
	lines, err := module(t, map[string]string{
		"cmd/sample/main.go":        base,
		"contrib/rules/rules.yml":   "rules:\n  - alert: Sample\n    labels: {severity: warning}\n",
		"contrib/rules/r_test.yml":  "  - alert: NotThisOne\n",
		"cmd/sample/quiet_other.go": "//go:build windows\n\npackage main\n",
	})
	require.NoError(t, err)
	require.Equal(t, []string{
		"alert contrib/rules Sample warning",
		"env sample BELAY_X",
		"exit sample 0", "exit sample 1", "exit sample 2", "exit sample 4", "exit sample 5",
		"flag sample -loud", "flag sample -quiet",
		"json sample error string",
		"json sample parts[].age number",
		"json sample state string",
		`log sample WARN "sample: still down" a [b] c`,
		`log sample WARN "sample: still up" a [b] c`,
		"notify sample READY", "notify sample STATUS",
		"signal sample SIGHUP",
		`stderr sample "sample: %v"`,
		`value sample mood "fine"`,
		"verb sample go",
	}, lines)
}

func TestAPlantedLogLineIsFound(t *testing.T) {
	before, err := module(t, map[string]string{"cmd/sample/main.go": base})
	require.NoError(t, err)
	after, err := module(t, map[string]string{
		"cmd/sample/main.go": base,
		"cmd/sample/more.go": "package main\n\nimport \"log/slog\"\n\ntype s struct{ log func() *slog.Logger }\n\nfunc (x s) f() { x.log().Info(\"one more\", slog.Int(\"n\", 1), \"m\", 2) }\n",
	})
	require.NoError(t, err)
	require.NotContains(t, before, `log sample INFO "one more" n m`)
	require.Contains(t, after, `log sample INFO "one more" n m`)
	require.Len(t, after, len(before)+1)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for what, body := range map[string]string{
		"message of a log line can't be read": `func f(l *slog.Logger, m string) { l.Info(m) }`,
		"keys of a log line can't be read":    `func f(l *slog.Logger, k ...any) { l.Info("m", k...) }`,
		"a logger with keys of its own":       `func f(l *slog.Logger) { l.With("a", 1).Info("m") }`,
		"package log has no keys":             `func f(*slog.Logger) { log.Println("m") }`,
		"an exit code can't be read":          `func f(*slog.Logger) { os.Exit([]int{1}[0]) }`,
	} {
		_, err := module(t, map[string]string{
			"a.go": "package a\n\nimport (\"log\"; \"log/slog\"; \"os\")\n\nvar _, _ = log.Flags, os.Exit\n\n" + body + "\n",
		})
		require.ErrorContains(t, err, what, body)
	}
	_, err := module(t, map[string]string{
		"a.go": "package main\n\nimport \"flag\"\n\nfunc main() { f(\"n\") }\n\nfunc f(name string) { flag.Bool(name, false, \"\") }\n",
	})
	require.ErrorContains(t, err, "the name of a flag can't be read")
	_, err = module(t, map[string]string{
		"a.go":         "package a\n",
		"a_windows.go": "package a\n\nimport \"log/slog\"\n\nfunc f() { slog.Info(\"m\", \"k\", 1) }\n",
	})
	require.ErrorContains(t, err, "a log line in a file for another system")
}
