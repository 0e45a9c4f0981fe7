package belay_test

// This file looks at the project as somebody does who has only the README: each
// link leads somewhere, and each command works in a fresh clone.
//
//	go test -run Stranger -stranger -timeout 30m .
//
// runs the commands, with empty caches, and says how long the first one takes.

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

var stranger = flag.Bool("stranger", false, "clone the project and run every command of its README, with empty caches")

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	inlineCode = regexp.MustCompile("`(go (?:run|test) [^`]*)`")
)

// commands are those of a page, in its order.
func commands(page string) (found []string) {
	for _, block := range shellBlock.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			command, _, _ := strings.Cut(line, "#")
			found = append(found, strings.TrimSpace(command))
		}
	}
	for _, m := range inlineCode.FindAllStringSubmatch(anyBlock.ReplaceAllString(page, ""), -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// here is what a stranger does in the place of commands that take longer than
// anybody waits, or that need a published version.
var here = strings.NewReplacer(
	"go run github.com/belay-go/belay/cmd/belay-vet@latest", "go run ./cmd/belay-vet",
	"./internal/bench restart", "./internal/bench restart -runs 1 -n 20",
)

func TestAStrangersCommandsWork(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	all := commands(string(page))
	require.GreaterOrEqual(t, len(all), 5)
	require.Contains(t, all, "go test work")
	for _, command := range all {
		words := strings.Fields(here.Replace(command))
		for _, word := range words[1:] {
			if strings.HasPrefix(word, "./") && word != "./..." {
				require.DirExists(t, word, command)
			}
		}
	}
	if *stranger {
		runAll(t, all)
	}
}

// runAll runs them in a clone of what is committed.
func runAll(t *testing.T, all []string) {
	clone, caches := filepath.Join(t.TempDir(), "belay"), t.TempDir()
	out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", ".", clone).CombinedOutput()
	require.NoError(t, err, string(out))
	const first = "go run ./examples/service -drive"
	slices.SortStableFunc(all, func(a, b string) int { return strings.Index(b, first) - strings.Index(a, first) })
	require.Equal(t, first, all[0])
	for _, command := range all {
		words := strings.Fields(here.Replace(command))
		if command == "go run ./internal/bench" || strings.Contains(command, "-publish") {
			words = append(words[:3], "-quick")
		}
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir = clone
		cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(caches, "build"), "GOMODCACHE="+filepath.Join(caches, "modules"), "GOFLAGS=-modcacherw")
		began := time.Now()
		out, err := cmd.CombinedOutput()
		t.Logf("%v  %s", time.Since(began).Round(time.Second), strings.Join(words, " "))
		if judges(command) && err != nil {
			require.Contains(t, string(out), "exit status 1\n", "%s\n%s", command, out)
			continue
		}
		require.NoError(t, err, "%s\n%s", command, out)
	}
}

// judges reports whether a command ends with 1 where it works, and finds fault: with
// a speed on this machine, or with code that tests mistakes.
func judges(command string) bool {
	return strings.Contains(command, "belay-vet") || strings.HasPrefix(command, "go run ./internal/bench") && !strings.HasSuffix(command, "restart")
}

var relativeLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// anchor is what a heading is called in a link, by GitHub's rule.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func anchors(page string) (all []string) {
	for line := range strings.Lines(anyBlock.ReplaceAllString(page, "")) {
		if hashes, text, found := strings.Cut(line, " "); found && strings.Trim(hashes, "#") == "" && hashes != "" {
			all = append(all, anchor(strings.TrimSpace(text)))
		}
	}
	return all
}

// broken returns why a link of a page does not lead anywhere.
func broken(from, to string) string {
	path, section, _ := strings.Cut(to, "#")
	target := from
	if path != "" {
		target = filepath.Join(filepath.Dir(from), filepath.FromSlash(path))
	}
	if _, err := os.Stat(target); err != nil {
		return from + ": " + to + ": no such file"
	}
	if section == "" {
		return ""
	}
	page, err := os.ReadFile(target)
	if err != nil || !slices.Contains(anchors(string(page)), section) {
		return from + ": " + to + ": no such section"
	}
	return ""
}

func TestEveryLinkInsideOfTheProjectLeadsSomewhere(t *testing.T) {
	links := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range relativeLink.FindAllStringSubmatch(anyBlock.ReplaceAllString(string(page), ""), -1) {
			if strings.Contains(m[1], ":") {
				continue // another site
			}
			links++
			require.Empty(t, broken(path, m[1]))
		}
		return nil
	}))
	require.Greater(t, links, 100)

	require.NotEmpty(t, broken("README.md", "nowhere.md"))
	require.NotEmpty(t, broken("README.md", "CONTRACT.md#nowhere"))
	require.Empty(t, broken("README.md", "#how-fast"))
}
