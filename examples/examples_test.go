package examples_test

// This file builds and runs each program below this folder, as a newcomer would,
// and compares what it prints with what its first comment says.

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// large is what is more than one file to copy, and has tests of its own.
var large = map[string]bool{"service": true, "recipes": true}

// deadline bounds one program on a machine that has much else to do. What it
// takes when it is alone is for the reader to see: less than two seconds.
const deadline = 60 * time.Second

func TestEachProgramPrintsWhatItsFirstCommentSays(t *testing.T) {
	programs := list(t)
	bin := t.TempDir()
	args := []string{"build", "-ldflags=-s -w", "-o", bin + string(filepath.Separator)}
	for _, name := range programs {
		args = append(args, "./"+name)
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	require.NoError(t, err, string(out))

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of them wait most of the time
			source, err := os.ReadFile(filepath.Join(name, "main.go"))
			require.NoError(t, err)
			require.Less(t, bytes.Count(source, []byte("\n")), 120, "it is to be read in one go")
			require.Contains(t, string(readme), "["+name+"]("+name+"/main.go)", "README.md has no line for it")
			title, _, _ := strings.Cut(strings.TrimPrefix(string(source), "//go:build unix\n\n"), " ")
			require.Equal(t, "//", title)
			code, want, err := promised(string(source))
			require.NoError(t, err)
			gotCode, got, stderr := run(t, filepath.Join(bin, name))
			require.Regexp(t, want, got, "stderr: %s", stderr)
			require.Equal(t, code, gotCode, "stderr: %s", stderr)
		})
	}
}

// list returns the folders that have a program.
func list(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	var names []string
	for _, path := range mains {
		if name := filepath.Dir(path); !large[name] {
			names = append(names, name)
		}
	}
	require.Greater(t, len(names), 15)
	return names
}

var promise = regexp.MustCompile(`(?m)^// It prints(?: and exits with code (\d+))?:\n//\n((?://\t.*\n|//\n)+)package main$`)

// promised returns the exit code that a program's first comment promises, and a
// regular expression for the output. Three dots stand for any text within a line.
func promised(source string) (code int, output string, err error) {
	m := promise.FindStringSubmatch(source)
	if m == nil {
		return 0, "", errors.New("its first comment doesn't end with what it prints")
	}
	code, _ = strconv.Atoi(m[1])
	var lines []string
	for line := range strings.Lines(m[2]) {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "//"), "\t")
		lines = append(lines, strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `[^\n]*`))
	}
	return code, "^" + strings.Join(lines, "\n") + "\n$", nil
}

// A comparison that lets anything pass would be worse than none.
func TestWhatAFirstCommentPromisesIsCompared(t *testing.T) {
	const source = "// Hello greets.\n//\n// It prints and exits with code 3:\n//\n//\thello (...)\n//\n//\tbye\npackage main\n"
	code, want, err := promised(source)
	require.NoError(t, err)
	require.Equal(t, 3, code)
	require.Regexp(t, want, "hello (world)\n\nbye\n")
	for _, other := range []string{
		"", "hello (world)\nbye\n", "hello (world)\n\nbye", "hello (wo\nrld)\n\nbye\n",
		"hello world\n\nbye\n", "hello (world)\n\nbye\nmore\n", "oh hello (world)\n\nbye\n",
	} {
		require.NotRegexp(t, want, other)
	}
	_, _, err = promised("// Hello greets.\npackage main\n")
	require.Error(t, err)
}

// run runs a program from the root of the module, as go run does there.
func run(t *testing.T, program string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = ".."
	cmd.WaitDelay = 5 * time.Second // if it has left a child behind that has its output
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "it takes too long; stderr: %s", log.String())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), log.String()
	}
	require.NoError(t, err)
	return 0, out.String(), log.String()
}
