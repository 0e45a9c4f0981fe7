//go:build unix

package main

// The command line, and what is written of it: -h and the manual page.

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTheCommandLineIsUnderstood(t *testing.T) {
	c, err := parse([]string{"./bin/server", "-listen", "x"})
	require.NoError(t, err)
	require.Equal(t, config{
		name: "server", command: []string{"./bin/server", "-listen", "x"}, servers: 1,
		readyLimit: time.Minute, probation: 10 * time.Second, grace: 25 * time.Second,
	}, c)
	c, err = parse([]string{
		"-listen", ":80", "-listen", "u=unix:/s", "-ready", "after=2s", "-ready-limit", "3s", "-probation", "0",
		"-grace", "5s", "-n", "6", "-name", "seven", "-log", "json", "--", "status",
	})
	require.NoError(t, err)
	require.Equal(t, config{
		name: "seven", command: []string{"status"}, servers: 6, after: 2 * time.Second, readyLimit: 3 * time.Second,
		grace: 5 * time.Second, logJSON: true,
		listen: []socket{{name: "listen", network: "tcp", addr: ":80"}, {name: "u", network: "unix", addr: "/s"}},
	}, c)
	c, err = parse([]string{"-name", "x", "status", "-json"})
	require.NoError(t, err)
	require.Equal(t, "status", c.verb)
	require.True(t, c.json)
}

func TestACommandLineThatMakesNoSenseSaysWhy(t *testing.T) {
	for line, want := range map[string]string{
		"":                                "no command",
		"-listen :80":                     "no command",
		"--":                              "no command",
		"-listen 80 -- x":                 "want host:port",
		"-listen :80 -listen :81 -- x":    `there is a socket "listen" already`,
		"-listen a:b=:80=x -- x":          "want host:port",
		"-ready soon -- x":                "want notify or after=DURATION",
		"-ready after=-1s -- x":           "want a positive duration",
		"-ready-limit 0 -- x":             "want a positive duration",
		"-grace x -- x":                   "want a positive duration",
		"-probation -1s -- x":             "want none (0s) or more",
		"-n 0 -- x":                       "want at least 1",
		"-n many -- x":                    "invalid value",
		"-name a/b -- x":                  "want a name, not a path",
		"-name .. -- x":                   "want a name, not a path",
		"-log xml -- x":                   "want text or json",
		"-verbose -- x":                   "not defined: -verbose",
		"stop now":                        `stop takes no "now"`,
		"restart -force":                  "not defined: -force",
		"-name ../x restart":              "want a name, not a path",
		"-listen dns=udp::53 -n -1 -- /x": "want at least 1",
	} {
		var stderr bytes.Buffer
		require.Equal(t, 2, run(strings.Fields(line), io.Discard, &stderr), line)
		require.Contains(t, stderr.String(), want, line)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", &stderr)
	}
}

func TestTheHelpFitsOneScreen(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"--help"}, {"status", "-h"}} {
		var stdout bytes.Buffer
		require.Equal(t, 0, run(args, &stdout, io.Discard))
		require.Equal(t, usage, stdout.String())
	}
	lines := strings.Split(strings.TrimSuffix(usage, "\n"), "\n")
	require.LessOrEqual(t, len(lines), 24)
	for _, line := range lines {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 80, line)
	}
}

func TestTheManualPageHasTheFlagsOfTheHelpAndNoOthers(t *testing.T) {
	page, err := os.ReadFile("belay-run.1")
	require.NoError(t, err)
	var inHelp []string
	for _, m := range regexp.MustCompile(`(?m)(?:^ +|\[)-([a-z][a-z-]*)`).FindAllStringSubmatch(usage, -1) {
		inHelp = append(inHelp, m[1])
	}
	synopsis, rest, ok := strings.Cut(string(page), ".Sh DESCRIPTION")
	require.True(t, ok)
	require.Equal(t, unique(inHelp), unique(flagsOf(synopsis)))
	options := regexp.MustCompile(`(?m)^\.It (?:Fl .*|Cm status Op Fl json)$`).FindAllString(rest, -1)
	require.Equal(t, unique(inHelp), unique(flagsOf(strings.Join(options, "\n"))))
	for _, verb := range verbs {
		require.Contains(t, rest, ".It Cm "+verb)
		require.Contains(t, usage, verb)
	}
	for _, fallback := range []string{"1m", "10s", "25s"} {
		require.Contains(t, usage, "("+fallback+")")
		require.Contains(t, rest, "The default is "+fallback+".")
	}
}

func flagsOf(text string) (names []string) {
	for _, m := range regexp.MustCompile(`\bFl ([a-z][a-z-]*)`).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

func unique(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return slices.Compact(names)
}

// The formatter of the tests' machine, if it has one.
func TestTheManualPageIsWellFormed(t *testing.T) {
	if path, err := exec.LookPath("mandoc"); err == nil {
		out, err := exec.Command(path, "-T", "lint", "-W", "warning", "belay-run.1").CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	path, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("neither mandoc nor groff is here")
	}
	out, err := exec.Command(path, "-mdoc", "-T", "ascii", "-ww", "-z", "belay-run.1").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}
