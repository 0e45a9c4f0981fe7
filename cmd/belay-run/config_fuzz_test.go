//go:build unix

package main

// Any arguments whatever.

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse checks what a config that was accepted promises to the rest.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"-listen :80 -- serve -x", "-listen a=:1 -listen a=:2 cmd", "-n 3 -grace 1s -ready after=2s cmd",
		"status -json", "-name x stop", "-name ../x restart", "-n 0 cmd", "-probation -1s cmd", "-log json -- status", "--",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parse(strings.Split(line, "\x00"))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		if c.name != "" {
			require.Equal(t, "dir", filepath.Dir(filepath.Join("dir", c.name)), "the control socket stays in its folder")
		}
		if c.verb != "" {
			require.Contains(t, verbs, c.verb)
			require.Empty(t, c.command)
			return
		}
		require.NotEmpty(t, c.command)
		require.NotEmpty(t, c.name)
		require.GreaterOrEqual(t, c.servers, 1)
		require.Positive(t, c.grace)
		require.Positive(t, c.readyLimit)
		require.GreaterOrEqual(t, c.probation, 0*c.probation)
		var names []string
		for _, s := range c.listen {
			require.NotContains(t, names, s.name)
			names = append(names, s.name)
		}
		require.False(t, slices.Contains(names, ""))
	})
}
