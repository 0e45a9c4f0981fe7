package main

// The limits file: what it may say, and that a bad one changes nothing.

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLimitsFileIsReadLineByLine(t *testing.T) {
	flags := settings{rate: 7, concurrency: 8}
	for text, want := range map[string]settings{
		"":                                      flags,
		"rate=1":                                {1, 8},
		"concurrency=2\n":                       {7, 2},
		"# both\n\n rate = 1 \nconcurrency=2\n": {1, 2},
		"rate=1\nrate=3\r\n":                    {3, 8},
	} {
		got := flags
		require.NoError(t, got.read(strings.NewReader(text)), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"rate", "rate=", "rate=0", "rate=-1", "rate=x", "burst=1", "=1", "rate=1 concurrency=2"} {
		got := flags
		err := got.read(strings.NewReader("\n" + text))
		require.ErrorContains(t, err, "line 2: ")
	}
}

func TestAReloadAppliesTheFileOrGoesBackToTheFlags(t *testing.T) {
	name := filepath.Join(t.TempDir(), "limits")
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	l := newLimits(settings{rate: 7, concurrency: 8})
	s := &service{cfg: config{rate: 7, limitsFile: name}, log: log, limits: l}

	require.NoError(t, os.WriteFile(name, []byte("rate=3\nconcurrency=4\n"), 0o644))
	s.reload()
	require.Equal(t, settings{3, 4}, *l.settings.Load())
	require.EqualValues(t, 4, l.whole.Stats().Limit)

	require.NoError(t, os.WriteFile(name, []byte("rate=oops\n"), 0o644))
	before := l.settings.Load()
	s.reload()
	require.Same(t, before, l.settings.Load(), "a bad file changes nothing")
	require.Contains(t, lines.String(), "oops")

	require.NoError(t, os.Remove(name))
	s.reload()
	require.Equal(t, settings{7, defaultConcurrency}, *l.settings.Load())
}

// Whatever the file says, limits are never below one.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"rate=1\nconcurrency=2", "#\n\n", "rate", "concurrency=0", "rate=\x00", "rate==1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := settings{rate: 1, concurrency: 1}
		err := s.read(strings.NewReader(text))
		if s.rate < 1 || s.concurrency < 1 {
			t.Fatalf("%q gave %+v, %v", text, s, err)
		}
	})
}
