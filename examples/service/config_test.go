package main

// Bad input: one line that names the flag and the value, exit code 2.

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func noEnv(string) string { return "" }

func TestGoodFlagsAreTaken(t *testing.T) {
	c, err := parse(nil, noEnv)
	require.NoError(t, err)
	require.Equal(t, config{
		http: "127.0.0.1:8080", grpc: "127.0.0.1:9090", admin: "127.0.0.1:8081",
		root: ".", rate: 100000, grace: 25 * time.Second,
	}, c)
	dir := t.TempDir()
	env := map[string]string{"SERVICE_STOP": "plain", "SERVICE_HANG": "consumer", "SERVICE_LIMITS": "f"}
	c, err = parse([]string{"-http", ":0", "-grpc=[::1]:1", "-admin", "localhost:65535", "-root", dir,
		"-rate", "1", "-grace", "1ms", "-drive"}, func(name string) string { return env[name] })
	require.NoError(t, err)
	require.Equal(t, config{
		http: ":0", grpc: "[::1]:1", admin: "localhost:65535", root: dir, rate: 1, grace: time.Millisecond,
		drive: true, plain: true, hang: true, limitsFile: "f",
	}, c)
}

func TestBadInputIsOneLineThatNamesFlagAndValue(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("rate=oops"), 0o644))
	for _, c := range []struct {
		args, env string
		names     []string
	}{
		{"-http 127.0.0.1", "", []string{"-http", "127.0.0.1"}},
		{"-http :99999", "", []string{"-http", ":99999"}},
		{"-grpc :x", "", []string{"-grpc", ":x"}},
		{"-admin 1:2:3", "", []string{"-admin", "1:2:3"}},
		{"-root " + dir + "/nothing", "", []string{"-root", dir + "/nothing"}},
		{"-root " + file, "", []string{"-root", file}},
		{"-root=", "", []string{"-root", `""`}},
		{"-rate 0", "", []string{"-rate", `"0"`}},
		{"-rate -5", "", []string{"-rate", `"-5"`}},
		{"-rate many", "", []string{"-rate", "many"}},
		{"-grace 0s", "", []string{"-grace", "0s"}},
		{"-grace -1s", "", []string{"-grace", "-1s"}},
		{"-grace 25", "", []string{"-grace", "25"}},
		{"-drive=maybe", "", []string{"-drive", "maybe"}},
		{"-what", "", []string{"-what"}},
		{"-grace", "", []string{"-grace"}},
		{"extra", "", []string{"extra"}},
		{"-rate 5 extra", "", []string{"extra"}},
		{"", "SERVICE_STOP=soon", []string{"SERVICE_STOP", "soon"}},
		{"", "SERVICE_PROBATION=0s", []string{"SERVICE_PROBATION", "0s"}},
		{"", "SERVICE_HANG=all", []string{"SERVICE_HANG", "all"}},
		{"", "SERVICE_LIMITS=" + file, []string{"SERVICE_LIMITS", file, "oops"}},
	} {
		t.Run(c.args+c.env, func(t *testing.T) {
			name, value, _ := strings.Cut(c.env, "=")
			env := map[string]string{name: value}
			var stdout, stderr bytes.Buffer
			p := process{&stdout, &stderr, func(name string) string { return env[name] }}
			require.Equal(t, 2, p.run(strings.Fields(c.args)))
			require.Empty(t, stdout.String())
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			for _, name := range c.names {
				require.Contains(t, stderr.String(), name)
			}
		})
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, process{&stdout, &stderr, noEnv}.run([]string{"-h"}))
	require.Empty(t, stderr.String())
	for _, name := range []string{"-http", "-grpc", "-root", "-admin", "-drive", "-rate", "-grace"} {
		require.Contains(t, stdout.String(), name)
	}
}
