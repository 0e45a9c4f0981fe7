package main

// This file uses what was published as a stranger would: with an empty module
// cache, from modules of its own.

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// prove gets and builds every module, and installs every command.
func (w *work) prove(ctx context.Context) error {
	env, err := w.stranger(ctx)
	if err != nil {
		return err
	}
	for _, m := range w.modules {
		if err := w.resolves(ctx, m, env); err != nil {
			return err
		}
	}
	for _, m := range w.installed() {
		packages, commands, err := w.packages(ctx, m, env)
		if err != nil {
			return err
		}
		if err := w.get(ctx, m, packages, env); err != nil {
			return err
		}
		for _, path := range commands {
			if err := w.install(ctx, path, env); err != nil {
				return err
			}
		}
	}
	return nil
}

// stranger is the environment of somebody who has none of the project's modules.
// Other modules come from what was downloaded before, else from where they
// always come from.
func (w *work) stranger(ctx context.Context) ([]string, error) {
	out, err := command(ctx, w.dir, nil, "go", "env", "GOMODCACHE", "GOPROXY", "GOSUMDB")
	if err != nil {
		return nil, err
	}
	lines := strings.Split(out, "\n")
	proxies := []string{fileURL(w.proxy), fileURL(filepath.Join(lines[0], "cache", "download"))}
	for _, proxy := range strings.FieldsFunc(lines[1], func(r rune) bool { return r == ',' || r == '|' }) {
		// A version that is not published yet must not be looked for in a repository.
		if proxy != "direct" {
			proxies = append(proxies, proxy)
		}
	}
	var paths []string
	for _, m := range w.modules {
		paths = append(paths, m.path)
	}
	return []string{
		"GOWORK=off",
		"GOPROXY=" + strings.Join(proxies, ","),
		// With any GONOPROXY the go command would take a shorter module path that it
		// has already for the better answer.
		"GOENV=off", "GONOPROXY=", "GOPRIVATE=", "GOSUMDB=" + lines[2],
		"GONOSUMDB=" + strings.Join(paths, ","),
		// The path of the module cache must not be part of what is compiled, or
		// everything would be compiled anew each time.
		"GOFLAGS=-trimpath -modcacherw",
		"GOMODCACHE=" + filepath.Join(w.temp, "modules"),
		"GOBIN=" + filepath.Join(w.temp, "bin"),
	}, nil
}

// fileURL is a path as the go command takes it for a proxy.
func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return "file://" + path
}

// resolves makes sure that the module's go.mod and go.sum, as they are in the
// commit, need no change outside of the workspace.
func (w *work) resolves(ctx context.Context, m *mod, env []string) error {
	dir := filepath.Join(w.dir, filepath.FromSlash(m.dir))
	if _, err := command(ctx, dir, env, "go", "list", "-mod=readonly", "-deps", "./..."); err != nil {
		return fmt.Errorf("%s does not resolve by itself: %w", m.name(), err)
	}
	return nil
}

// packages lists what users import of a module, and what they install.
func (w *work) packages(ctx context.Context, m *mod, env []string) (packages, commands []string, err error) {
	dir := filepath.Join(w.dir, filepath.FromSlash(m.dir))
	out, err := command(ctx, dir, env, "go", "list", "-f", "{{.ImportPath}} {{.Name}}", "./...")
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(out) {
		path, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		below := strings.TrimPrefix(path, m.path)
		switch {
		case strings.Contains(below+"/", "/internal/"):
		case name == "main":
			commands = append(commands, path)
		default:
			packages = append(packages, path)
		}
	}
	return packages, commands, nil
}

// get is a new program that takes the module and imports all of it.
func (w *work) get(ctx context.Context, m *mod, packages, env []string) error {
	dir, err := os.MkdirTemp(w.temp, "program")
	if err != nil {
		return err
	}
	var source strings.Builder
	source.WriteString("package main\n\nimport (\n")
	for _, path := range packages {
		fmt.Fprintf(&source, "\t_ %q\n", path)
	}
	source.WriteString(")\n\nfunc main() {}\n")
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source.String()), 0o644); err != nil {
		return err
	}
	if _, err := command(ctx, dir, env, "go", "mod", "init", "program.example/main"); err != nil {
		return err
	}
	if _, err := command(ctx, dir, env, "go", "get", m.path+"@"+w.version); err != nil {
		return fmt.Errorf("%s cannot be got: %w", m.name(), err)
	}
	if len(packages) > 0 {
		// Not go mod tidy: that would ask for what only the tests of others need.
		if _, err := command(ctx, dir, env, "go", "build", "-mod=mod", "-o", filepath.Join(w.temp, "program.exe"), "."); err != nil {
			return fmt.Errorf("%s does not build at %s: %w", m.name(), w.version, err)
		}
	}
	fmt.Fprintf(w.out, "got and built            %s@%s, packages: %d\n", m.path, w.version, len(packages))
	return nil
}

// install installs a command, and looks whether it is what it says.
func (w *work) install(ctx context.Context, path string, env []string) error {
	if _, err := command(ctx, w.temp, env, "go", "install", path+"@"+w.version); err != nil {
		return fmt.Errorf("%s cannot be installed at %s: %w", path, w.version, err)
	}
	binary := filepath.Join(w.temp, "bin", filepath.Base(filepath.FromSlash(path)))
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	if info.Main.Version != w.version {
		return fmt.Errorf("%s says that it is %s, not %s", path, info.Main.Version, w.version)
	}
	fmt.Fprintf(w.out, "installed                %s@%s\n", path, w.version)
	return nil
}
