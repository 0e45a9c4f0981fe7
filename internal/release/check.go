package main

// This file is what must hold before anything is made, and how programs are run.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

// mayRelease refuses what a person has to put right first.
func mayRelease(ctx context.Context, repo, version string) error {
	if semver.Canonical(version) != version || semver.Build(version) != "" {
		return fmt.Errorf("%q is not a version such as v1.2.3", version)
	}
	if major := semver.Major(version); major != "v0" && major != "v1" {
		return fmt.Errorf("%s needs module paths that end in /%s", version, major)
	}
	changed, err := command(ctx, repo, nil, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("the tree is not clean:\n%s", strings.TrimRight(changed, "\n"))
	}
	tags, err := command(ctx, repo, nil, "git", "tag", "--list", version, "*/"+version)
	if err != nil {
		return err
	}
	if tags != "" {
		return fmt.Errorf("%s has tags already: %s", version, strings.Join(strings.Fields(tags), ", "))
	}
	return changelogHas(filepath.Join(repo, "CHANGELOG.md"), version)
}

// changelogHas wants a section for the version with something in it, and
// nothing left in the one for what has no version yet.
func changelogHas(path, version string) error {
	log, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	entries := map[string]int{}
	title := ""
	for line := range strings.Lines(string(log)) {
		if after, ok := strings.CutPrefix(line, "## "); ok {
			title, _, _ = strings.Cut(strings.TrimSpace(after), " ")
			title = strings.Trim(title, "[]")
			entries[title] += 0
		} else if strings.HasPrefix(line, "- ") {
			entries[title]++
		}
	}
	switch n, found := entries[version]; {
	case !found:
		return fmt.Errorf("CHANGELOG.md has no section \"## %s\"", version)
	case n == 0:
		return fmt.Errorf("CHANGELOG.md says nothing about %s", version)
	case entries["Unreleased"] > 0:
		return fmt.Errorf("CHANGELOG.md has entries below \"## Unreleased\": they belong to %s", version)
	}
	return nil
}

// command runs a program in dir and returns what it prints; its error has what
// the program complained about.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if env != nil {
		cmd.Env = append(os.Environ(), env...)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, strings.TrimSpace(stderr.String()+string(out)))
	}
	return string(out), nil
}
