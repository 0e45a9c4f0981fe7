//go:build unix

package main

// The unit, the manifest and the page: what they have belay-run do is what it
// understands.

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// written returns what an expression finds in a file, once.
func written(t *testing.T, file, expression string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	found := regexp.MustCompile(expression).FindAllStringSubmatch(string(text), -1)
	require.Len(t, found, 1, "%s in %s", expression, file)
	return found[0][1]
}

func asList(t *testing.T, text string) (args []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &args))
	return args
}

func TestWhatTheUnitTheManifestAndThePageRunIsUnderstood(t *testing.T) {
	unit := strings.Fields(written(t, "deploy/server.service", `(?m)^ExecStart=\S+ (.*)$`))
	manifest := asList(t, written(t, "deploy/kubernetes.yaml", `(?m)^ +args: (\[.*\])$`))
	page := asList(t, written(t, "README.md", `(?m)^ENTRYPOINT (\[.*\])$`))[1:]
	for file, args := range map[string][]string{"the unit": unit, "the manifest": manifest, "the page": page} {
		c, err := parse(args)
		require.NoError(t, err, file)
		require.Equal(t, "server", c.name, file)
		require.Equal(t, []socket{{name: "http", network: "tcp", addr: ":8080"}}, c.listen, file)
		require.Len(t, c.command, 1, file)
	}
	c, err := parse(unit)
	require.NoError(t, err)
	period, err := time.ParseDuration(written(t, "deploy/server.service", `(?m)^TimeoutStopSec=(\d+)$`) + "s")
	require.NoError(t, err)
	require.Equal(t, period-2*time.Second, c.grace)
	reload, err := parse(strings.Fields(written(t, "deploy/server.service", `(?m)^ExecReload=\S+ (.*)$`)))
	require.NoError(t, err)
	require.Equal(t, "restart", reload.verb)
	require.Equal(t, c.name, reload.name)
	require.Equal(t, c.name, written(t, "deploy/server.service", `(?m)^RuntimeDirectory=(.*)$`))
}

func TestSystemdUnderstandsTheUnit(t *testing.T) {
	analyze := program(t, "systemd-analyze")
	text, err := os.ReadFile("deploy/server.service")
	require.NoError(t, err)
	self, err := filepath.Abs(os.Args[0]) // it wants programs that are there
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "server.service")
	changed := regexp.MustCompile(`/usr/local/bin/\S+`).ReplaceAll(text, []byte(self))
	require.NoError(t, os.WriteFile(path, changed, 0o600))
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	if err != nil && !strings.Contains(string(out), filepath.Base(path)) {
		t.Skipf("it doesn't work here: %s", out)
	}
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), filepath.Base(path))
}

// As the unit has it: the folder is there, for nobody else, and stays.
func TestAFolderThatTheServiceManagerHasMadeIsUsed(t *testing.T) {
	t.Parallel()
	base := shortDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(base, "x"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(base, "x", "other"), nil, 0o600))
	r := beginIn(t, base, serverArgs())
	r.ready()
	r.stop()
	require.FileExists(t, filepath.Join(base, "x", "other"))
}
