package main

// This file makes the release in a clone: a commit, the tags, and a module proxy
// in a folder that serves what the tags hold.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// work is a release on its way.
type work struct {
	version string
	out     io.Writer
	temp    string // everything below is in it
	dir     string // the clone
	proxy   string // what a module proxy serves
	modules []*mod
	made    bool // the release's own commit is there
}

// clone copies the repository's commit, so that nothing done to it can be seen.
func (w *work) clone(ctx context.Context, repo string) error {
	w.dir, w.proxy = filepath.Join(w.temp, "clone"), filepath.Join(w.temp, "proxy")
	head, err := command(ctx, repo, nil, "git", "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if _, err := command(ctx, "", nil, "git", "clone", "--quiet", "--no-checkout", "--", repo, w.dir); err != nil {
		return err
	}
	if _, err := command(ctx, w.dir, nil, "git", "checkout", "--quiet", "--detach", head[:len(head)-1]); err != nil {
		return err
	}
	w.modules, err = readModules(ctx, w.dir)
	if err != nil {
		return err
	}
	for _, m := range w.modules {
		if err := m.check(w.modules); err != nil {
			return err
		}
	}
	return nil
}

// installed are the modules that users get, each after what it requires.
func (w *work) installed() []*mod {
	var found []*mod
	for _, m := range w.modules {
		if m.installed() {
			found = append(found, m)
		}
	}
	return found
}

func (w *work) tags() []string {
	var names []string
	for _, m := range w.installed() {
		names = append(names, m.tag(w.version))
	}
	return names
}

// publish goes through the modules in order: a module's go.sum vouches for those
// before it, so these have to be final. They stay so although the commit
// changes, because it changes only in folders of modules that come later.
func (w *work) publish(ctx context.Context) error {
	for _, m := range w.modules {
		if err := m.rewrite(w.dir, w.version, w.modules); err != nil {
			return err
		}
		if err := w.commit(ctx); err != nil {
			return err
		}
		if !m.installed() {
			continue
		}
		if err := w.serve(m); err != nil {
			return fmt.Errorf("%s: %w", m.name(), err)
		}
		fmt.Fprintf(w.out, "published to the folder  %s %s\n", m.path, w.version)
	}
	return nil
}

// commit keeps what changed in the one commit of the release.
func (w *work) commit(ctx context.Context) error {
	if _, err := command(ctx, w.dir, nil, "git", "add", "--all"); err != nil {
		return err
	}
	if _, err := command(ctx, w.dir, nil, "git", "diff", "--cached", "--quiet"); err == nil {
		return nil
	}
	args := []string{"commit", "--quiet", "-m", w.version + ": the modules require each other at it"}
	if w.made {
		args = append(args, "--amend")
	}
	w.made = true
	_, err := command(ctx, w.dir, nil, "git", args...)
	return err
}

// serve writes what a module proxy answers for the module, from the last commit.
func (w *work) serve(m *mod) error {
	escaped, err := module.EscapePath(m.path)
	if err != nil {
		return err
	}
	base := filepath.Join(w.proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(base, w.version+".zip")
	sum, err := w.pack(m, "HEAD", archive)
	if err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(m.dir), "go.mod"))
	if err != nil {
		return err
	}
	modsum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(w.dir, filepath.FromSlash(m.dir), "go.mod"))
	})
	if err != nil {
		return err
	}
	m.sum = []string{
		m.path + " " + w.version + " " + sum,
		m.path + " " + w.version + "/go.mod " + modsum,
	}
	info, err := json.Marshal(map[string]any{"Version": w.version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(base, w.version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(base, w.version+".mod"), gomod, 0o644),
		os.WriteFile(filepath.Join(base, "list"), []byte(w.version+"\n"), 0o644),
	)
}

// pack zips a module at a revision, as the go command would, and returns its sum.
func (w *work) pack(m *mod, revision, archive string) (string, error) {
	f, err := os.Create(archive)
	if err != nil {
		return "", err
	}
	err = zip.CreateFromVCS(f, module.Version{Path: m.path, Version: w.version}, w.dir, revision, m.dir)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return dirhash.HashZip(archive, dirhash.Hash1)
}

// tag names the commit for each module, and makes sure that what the tags hold
// is what was published.
func (w *work) tag(ctx context.Context) error {
	for _, m := range w.installed() {
		name := m.tag(w.version)
		if _, err := command(ctx, w.dir, nil, "git", "tag", "--annotate", "-m", name, name); err != nil {
			return err
		}
		sum, err := w.pack(m, name, filepath.Join(w.temp, "again.zip"))
		if err != nil {
			return err
		}
		if m.sum[0] != m.path+" "+w.version+" "+sum {
			return fmt.Errorf("the tag %s holds something else than what was published", name)
		}
		fmt.Fprintf(w.out, "tagged in the clone      %s\n", name)
	}
	return nil
}
