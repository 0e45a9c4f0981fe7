package migrate

// This file is the module as the go command sees it: its go.mod, which other
// modules it requires, and which folders the patterns name.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A module is one that the user may change, as go list -m prints it.
type module struct{ Path, Dir, GoMod, GoVersion string }

// A workspace is the main module, or those of a go.work.
type workspace struct {
	opts    Options
	dir     string // absolute
	modules []module
	gowork  bool
	pairs   []pair
	flags   []string // of every go command that builds

	temp    string            // where go.mod and go.sum are changed first
	matched map[string]bool   // the folders that the patterns name
	before  map[string][]byte // go.mod and go.sum
}

// open asks the go command for the main modules.
func open(ctx context.Context, o Options) (*workspace, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	ws := &workspace{opts: o, dir: dir, flags: o.Flags, pairs: pairs, matched: map[string]bool{}, before: map[string][]byte{}}
	if o.Revert {
		ws.pairs = inverse(pairs)
	}
	out, err := ws.run(ctx, "env", "GOWORK", "GOMOD")
	if err != nil {
		return nil, err
	}
	work, gomod, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if gomod == "" || gomod == os.DevNull {
		return nil, errorf("%s is in no module", dir)
	}
	ws.gowork = work != "" && work != "off"
	out, err = ws.run(ctx, "list", "-m", "-json")
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if m.Dir != "" && m.Path != belay && !strings.HasPrefix(m.Path, belay+"/") {
			ws.modules = append(ws.modules, m)
		}
	}
	if len(ws.modules) == 0 {
		return nil, errorf("there is no module here whose imports could change")
	}
	return ws, ws.match(ctx)
}

// match finds out which folders the patterns name.
func (ws *workspace) match(ctx context.Context) error {
	args := slices.Concat([]string{"list", "-e", "-f", "{{.Dir}}"}, ws.flags, []string{"--"}, ws.opts.Patterns)
	out, err := ws.run(ctx, args...)
	if err != nil {
		return err
	}
	for dir := range strings.Lines(string(out)) {
		ws.matched[strings.TrimSpace(dir)] = true
	}
	return nil
}

// matches reports whether the patterns name the folder. The go command doesn't
// list one without a file for this system: there the pattern's text decides.
func (ws *workspace) matches(dir string, listed bool) bool {
	if listed {
		return ws.matched[dir]
	}
	return slices.ContainsFunc(ws.opts.Patterns, func(p string) bool {
		p, tree := strings.CutSuffix(filepath.ToSlash(p), "...")
		for _, m := range ws.modules {
			if rest, ok := strings.CutPrefix(p, m.Path+"/"); ok && tree {
				p = filepath.Join(m.Dir, rest)
			}
		}
		if !filepath.IsAbs(p) {
			p = filepath.Join(ws.dir, p)
		}
		return dir == filepath.Clean(p) || tree && strings.HasPrefix(dir, strings.TrimSuffix(p, "/")+"/")
	})
}

// run runs the go command.
func (ws *workspace) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = ws.dir, ws.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

func (ws *workspace) env() []string {
	env := ws.opts.Env
	if env == nil {
		env = os.Environ()
	}
	return append(slices.Clip(env), "PWD="+ws.dir)
}

// require makes the twins of the pairs available: by a copy of go.mod and
// go.sum, since the user's own change last, together with the files.
func (ws *workspace) require(ctx context.Context, used []pair, o Options) error {
	var twins []string
	for _, p := range used {
		twins = append(twins, p.to)
	}
	list := append([]string{"list"}, ws.flags...)
	if ws.gowork {
		if _, err := ws.run(ctx, append(list, twins...)...); err != nil {
			return errorf("the workspace doesn't have %s: in the module that is to move, go get %s", used[0].to, strings.Join(twins, " "))
		}
		return nil
	}
	m := ws.modules[0]
	temp, err := os.MkdirTemp("", "belay-vet")
	if err != nil {
		return err
	}
	ws.temp = temp
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(m.Dir, name))
		if errors.Is(err, os.ErrNotExist) && name == "go.sum" {
			continue
		}
		if err == nil {
			ws.before[name] = content
			err = os.WriteFile(filepath.Join(temp, name), content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	modfile := "-modfile=" + filepath.Join(temp, "go.mod")
	// A vendor folder doesn't have the twins, and -mod=mod would change more
	// of go.mod than has to.
	ws.flags = append(slices.Clip(ws.flags), "-mod=readonly", modfile)
	if _, err := ws.run(ctx, slices.Concat([]string{"list"}, ws.flags, twins)...); err == nil {
		return nil
	}
	get := ws.queries(ctx, used, o, modfile)
	_, err = ws.run(ctx, append([]string{"get", modfile}, get...)...)
	if err == nil { // and the lines of go.sum for what the twins import
		_, err = ws.run(ctx, slices.Concat([]string{"list", "-deps", "-mod=mod", modfile}, o.Flags, twins)...)
	}
	if err == nil {
		// A module whose version has risen may import more than before, and
		// the user's own packages and tests reach it on other ways than the
		// twins. That some of them don't compile is no reason to stop.
		_, err = ws.run(ctx, slices.Concat([]string{"list", "-e", "-deps", "-test", "-mod=mod", modfile}, o.Flags, []string{m.Path + "/..."})...)
	}
	if err != nil {
		ws.flags, ws.temp = o.Flags, ""
		return errors.Join(errorf("can't require the packages to move to; once this works, the rest can be done: go get %s", strings.Join(get, " ")),
			err, os.RemoveAll(temp))
	}
	return ws.loops(ctx)
}

// queries returns the modules of the twins with their versions, for go get:
// modules, since a query for a package asks for modules of longer paths too.
func (ws *workspace) queries(ctx context.Context, used []pair, o Options, modfile string) []string {
	var get []string
	for _, p := range used {
		module, v := belay, o.query()
		if o.Revert {
			module, v = strings.TrimSuffix(p.to, "/"+p.name()), "latest"
		}
		// The version that is there, required or through others, if there is.
		if out, err := ws.run(ctx, "list", "-m", "-mod=mod", modfile, "-f", "{{.Version}}", module); err == nil {
			v = strings.TrimSpace(string(out))
		}
		get = append(get, module+"@"+v)
	}
	slices.Sort(get)
	return slices.Compact(get)
}

// A gomod is what go mod edit -json prints.
type gomod struct {
	Go      string
	Require []struct{ Path, Version string }
}

func (ws *workspace) gomod(ctx context.Context, file string) (gomod, error) {
	var m gomod
	out, err := ws.run(ctx, "mod", "edit", "-json", file)
	if err == nil {
		err = json.Unmarshal(out, &m)
	}
	return m, err
}

// loops refuses a go.mod whose go line would rise past the version that has
// changed what a loop variable is: that is more than an import.
func (ws *workspace) loops(ctx context.Context) error {
	before, err := ws.gomod(ctx, ws.modules[0].GoMod)
	if err != nil {
		return err
	}
	after, err := ws.gomod(ctx, filepath.Join(ws.temp, "go.mod"))
	if err != nil {
		return err
	}
	const changed = "go1.22"
	old := "go" + before.Go
	if before.Go == "" {
		old = "go1.16"
	}
	if version.Compare(old, changed) < 0 && version.Compare("go"+after.Go, changed) >= 0 {
		return errorf("go.mod's go line, %s, would become %s, and since go 1.22 each turn of a loop has variables of its own: raise it and run the tests first", before.Go, after.Go)
	}
	return nil
}

// finish adds go.mod and go.sum to what is written, and what they mean to the
// report.
func (ws *workspace) finish(ctx context.Context, r *Report, edits *[]edit) error {
	tidy, vendored := "go mod tidy", false
	for _, m := range ws.modules {
		if _, err := os.Stat(filepath.Join(m.Dir, "vendor", "modules.txt")); err == nil {
			vendored = true
		}
	}
	if ws.gowork {
		tidy = "in each module with rewritten files: " + tidy
		if vendored {
			tidy += ", then go work vendor"
		}
	} else if vendored {
		tidy += " && go mod vendor, since the vendor folder lacks what is imported now"
	}
	r.Next = append(r.Next, tidy)
	if ws.temp == "" {
		return nil
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		after, err := os.ReadFile(filepath.Join(ws.temp, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if before, there := ws.before[name]; !bytes.Equal(before, after) {
			*edits = append(*edits, edit{file: filepath.Join(ws.modules[0].Dir, name), before: before, after: after, absent: !there})
		}
	}
	return ws.describe(ctx, r)
}

// describe says what changes in go.mod.
func (ws *workspace) describe(ctx context.Context, r *Report) error {
	before, err := ws.gomod(ctx, ws.modules[0].GoMod)
	if err != nil {
		return err
	}
	after, err := ws.gomod(ctx, filepath.Join(ws.temp, "go.mod"))
	if err != nil {
		return err
	}
	var changes []string
	if before.Go != after.Go {
		changes = append(changes, fmt.Sprintf("go %s -> %s", before.Go, after.Go))
	}
	old := map[string]string{}
	for _, q := range before.Require {
		old[q.Path] = q.Version
	}
	for _, q := range after.Require {
		switch v, there := old[q.Path]; {
		case !there:
			changes = append(changes, q.Path+" "+q.Version)
		case v != q.Version:
			changes = append(changes, q.Path+" "+v+" -> "+q.Version)
		}
	}
	if len(changes) > 0 {
		r.Notes = append(r.Notes, Note{Text: "go.mod: " + strings.Join(changes, ", ")})
	}
	return nil
}

func (ws *workspace) close() {
	if ws.temp != "" {
		os.RemoveAll(ws.temp)
	}
}
