package main

// This file reads the repository's modules and lets them require each other.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// unset is the version at which the project's modules require each other until
// the first release. Nobody can get it.
const unset = "v0.0.0"

// mod is one module of the repository.
type mod struct {
	dir  string // below the root, with slashes; "" is the root
	path string
	file *modfile.File
	sum  []string // the lines of go.sum that stand for it, once it is published
}

// installed reports whether users get the module: the others have a replace,
// and are run from a checkout.
func (m *mod) installed() bool {
	return m.dir == "" || strings.HasPrefix(m.dir, "contrib/") || strings.HasPrefix(m.dir, "cmd/")
}

// tag is the name under which the go command looks for the module.
func (m *mod) tag(version string) string {
	if m.dir == "" {
		return version
	}
	return m.dir + "/" + version
}

// name is the module as messages call it.
func (m *mod) name() string {
	if m.dir == "" {
		return "the root module"
	}
	return m.dir
}

// readModules returns all modules of a checkout, the installed ones first, each
// after those that it requires.
func readModules(ctx context.Context, dir string) ([]*mod, error) {
	out, err := command(ctx, dir, nil, "git", "ls-files", "go.mod", "*/go.mod")
	if err != nil {
		return nil, err
	}
	var all []*mod
	for _, path := range strings.Fields(out) {
		if strings.Contains(path, "testdata/") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(path, data, nil)
		if err != nil {
			return nil, err
		}
		folder := strings.TrimSuffix(strings.TrimSuffix(path, "go.mod"), "/")
		all = append(all, &mod{dir: folder, path: file.Module.Mod.Path, file: file})
	}
	return inOrder(all)
}

// inOrder sorts modules by what they require of each other.
func inOrder(all []*mod) ([]*mod, error) {
	slices.SortStableFunc(all, func(a, b *mod) int {
		switch {
		case a.installed() == b.installed():
			return 0
		case a.installed():
			return -1
		}
		return 1
	})
	var sorted []*mod
	for len(sorted) < len(all) {
		next := slices.IndexFunc(all, func(m *mod) bool {
			return !slices.Contains(sorted, m) && !slices.ContainsFunc(all, func(other *mod) bool {
				return m.requires(other) && !slices.Contains(sorted, other)
			})
		})
		if next < 0 {
			return nil, fmt.Errorf("modules require each other in a circle")
		}
		sorted = append(sorted, all[next])
	}
	return sorted, nil
}

func (m *mod) requires(other *mod) bool {
	return slices.ContainsFunc(m.file.Require, func(r *modfile.Require) bool { return r.Mod.Path == other.path })
}

// check refuses what would reach users and can't work for them.
func (m *mod) check(all []*mod) error {
	if !m.installed() {
		return nil
	}
	for _, r := range m.file.Replace {
		return fmt.Errorf("%s has a replace of %s: users would not have it", m.name(), r.Old.Path)
	}
	for _, r := range m.file.Require {
		ours := slices.IndexFunc(all, func(other *mod) bool { return other.path == r.Mod.Path })
		published := ours >= 0 && all[ours].installed()
		if !published && (ours >= 0 || r.Mod.Version == unset) {
			return fmt.Errorf("%s requires %s %s, which nobody publishes", m.name(), r.Mod.Path, r.Mod.Version)
		}
	}
	return nil
}

// rewrite lets the module require the project's published ones at version, and
// vouches for them in its go.sum. Those must have been published before.
func (m *mod) rewrite(dir, version string, all []*mod) error {
	vouched := map[string][]string{}
	for _, other := range all {
		if !other.installed() || !m.requires(other) {
			continue
		}
		if err := m.file.AddRequire(other.path, version); err != nil {
			return err
		}
		vouched[other.path] = other.sum
	}
	if len(vouched) == 0 {
		return nil
	}
	data, err := m.file.Format()
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, filepath.FromSlash(m.dir))
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), data, 0o644); err != nil {
		return err
	}
	if !m.installed() { // its replace needs no sum
		return nil
	}
	return vouch(filepath.Join(folder, "go.sum"), vouched)
}

// vouch puts lines into a go.sum in place of those that it has for the modules,
// in the go command's order.
func vouch(path string, lines map[string][]string) error {
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	sums := map[module.Version]string{}
	var keys []module.Version
	add := func(line string) {
		if f := strings.Fields(line); len(f) == 3 {
			key := module.Version{Path: f[0], Version: f[1]}
			sums[key] = f[2]
			keys = append(keys, key)
		}
	}
	for line := range strings.Lines(string(data)) {
		if of, _, _ := strings.Cut(line, " "); lines[of] == nil {
			add(line)
		}
	}
	for _, of := range lines {
		for _, line := range of {
			add(line)
		}
	}
	module.Sort(keys)
	var out strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&out, "%s %s %s\n", key.Path, key.Version, sums[key])
	}
	return os.WriteFile(path, []byte(out.String()), 0o644)
}
