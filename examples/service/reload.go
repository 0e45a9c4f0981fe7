package main

// The limits file: read at start and again at every SIGHUP.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// settings are the limits that can change while the service runs.
type settings struct {
	rate        int // requests per second and client
	concurrency int // requests served at once
}

// settingsOf returns what the flags say and the limits file, if the config
// names one that exists, says differently.
func settingsOf(cfg config) (settings, error) {
	s := settings{rate: cfg.rate, concurrency: defaultConcurrency}
	if cfg.limitsFile == "" {
		return s, nil
	}
	f, err := os.Open(cfg.limitsFile)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil // as without a file
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	if err := s.read(f); err != nil {
		return s, fmt.Errorf("%s: %w", cfg.limitsFile, err)
	}
	return s, nil
}

// read takes lines such as rate=100; empty ones and #-comments are skipped.
func (s *settings) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		to, ok := map[string]*int{"rate": &s.rate, "concurrency": &s.concurrency}[strings.TrimSpace(key)]
		if !ok {
			return fmt.Errorf("line %d: want rate=N or concurrency=N, got %q", n, line)
		}
		if err := atLeastOne(to)(strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("line %d: %q: %w", n, line, err)
		}
	}
	return lines.Err()
}

// reload applies the limits file; one that can't be read changes nothing.
func (s *service) reload() {
	set, err := settingsOf(s.cfg)
	if err != nil {
		s.log.Error("limits not reloaded", "err", err)
		return
	}
	s.limits.set(set)
	s.log.Info("limits reloaded", "rate", set.rate, "concurrency", set.concurrency)
}
