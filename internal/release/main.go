// Command release makes a release and proves it before anybody sees it.
//
//	go run ./internal/release -version v1.0.0 -dry
//
// It works in a temporary clone of the repository. There it lets the modules
// require each other at the version, tags them in the order of their
// dependencies, and publishes them to a module proxy in a folder. From that proxy
// each module must be got and built, and each command installed, with an empty
// module cache. Only then, and only without -dry, the tags are fetched into the
// repository. It never pushes: it prints what to push.
//
// It refuses a tree that is not clean, a version that CHANGELOG.md does not
// have, a version that has a tag, a replace in a module that users install, and a
// requirement of one of the project's own modules that nobody publishes.
//
// It does not run the tests: .ci/run does.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

func main() {
	version := flag.String("version", "", "the version of all modules, such as v1.0.0")
	dry := flag.Bool("dry", false, "prove it, and leave the repository as it is")
	flag.Parse()
	if *version == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: release -version v1.2.3 [-dry]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := release(ctx, *version, *dry, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release does it all, in the order in which a refusal is cheap.
func release(ctx context.Context, version string, dry bool, out io.Writer) error {
	top, err := command(ctx, "", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	repo := strings.TrimSpace(top)
	if err := mayRelease(ctx, repo, version); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // the module cache in it is writable, by -modcacherw

	w := &work{version: version, out: out, temp: temp}
	if err := w.clone(ctx, repo); err != nil {
		return err
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	if err := w.tag(ctx); err != nil {
		return err
	}
	if err := w.prove(ctx); err != nil {
		return err
	}
	if dry {
		fmt.Fprintf(out, "%s is ready; nothing was changed here\n", version)
		return nil
	}
	return w.deliver(ctx, repo)
}

// deliver brings the tags, and with them their commit, into the repository.
func (w *work) deliver(ctx context.Context, repo string) error {
	args := []string{"fetch", "--quiet", "--no-tags", w.dir}
	for _, tag := range w.tags() {
		args = append(args, "refs/tags/"+tag+":refs/tags/"+tag)
	}
	if _, err := command(ctx, repo, nil, "git", args...); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "tagged here; this publishes it:\n  git merge --ff-only %s\n  git push --atomic origin HEAD %s\n",
		w.version, strings.Join(w.tags(), " "))
	return nil
}
