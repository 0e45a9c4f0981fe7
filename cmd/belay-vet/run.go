package main

// This file is the front end: it runs go vet with this program as its tool, and
// prints what comes back.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/belay-go/belay/cmd/belay-vet/checks"
	"github.com/belay-go/belay/cmd/belay-vet/internal/report"
)

// Exit codes, as go vet has them.
const (
	clean  = 0
	found  = 1
	misuse = 2
)

// call is what the command line asks for.
type call struct {
	migrate, revert, fix, diff, json, sarif bool

	dir string   // where to run; empty: here
	vet []string // the flags and packages that are go vet's
}

// withValue are those flags of go vet whose value may be the next argument.
var withValue = []string{"C", "c", "asmflags", "gcflags", "ldflags", "mod", "modfile", "overlay", "p", "pkgdir", "tags", "toolexec"}

func takesValue(flag string) bool { return slices.Contains(withValue, flag) }

func parse(args []string) (call, error) {
	var c call
	own := map[string]*bool{"migrate": &c.migrate, "revert": &c.revert, "fix": &c.fix, "diff": &c.diff, "json": &c.json, "sarif": &c.sarif}
	for i := 0; i < len(args); i++ {
		name := strings.TrimPrefix(strings.TrimPrefix(args[i], "-"), "-")
		if name == args[i] || name == "" { // the packages begin
			c.vet = append(c.vet, args[i:]...)
			break
		}
		if set, ok := own[name]; ok {
			*set = true
			continue
		}
		flag := args[i : i+1]
		if takesValue(name) && i+1 < len(args) {
			flag = args[i : i+2]
			i++
		}
		if dir, ok := strings.CutPrefix(name, "C="); ok {
			c.dir = dir
		} else if name == "C" {
			c.dir = flag[len(flag)-1]
		} else {
			c.vet = append(c.vet, flag...)
		}
	}
	modes := 0
	for _, set := range []bool{c.migrate, c.revert, c.json, c.sarif} {
		if set {
			modes++
		}
	}
	if modes > 1 || (c.json || c.sarif) && (c.fix || c.diff) || c.fix && c.diff {
		return c, errors.New("-migrate, -revert, -json, -sarif, -fix and -diff: only -fix goes with -migrate or -revert")
	}
	return c, nil
}

// run does what the command line asks for, and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
		text, err := help(args[1:])
		if err != nil {
			return fail(stderr, misuse, err)
		}
		io.WriteString(stdout, text)
		return clean
	}
	c, err := parse(args)
	if err != nil {
		io.WriteString(stderr, usage)
		return fail(stderr, misuse, err)
	}
	switch {
	case c.migrate || c.revert:
		return migration(c, stdout, stderr)
	case c.fix:
		return c.goVet(stdout, stderr, "-fix")
	case c.diff:
		return c.goVet(stdout, stderr, "-fix", "-diff")
	}

	var tree bytes.Buffer
	code := c.goVet(&tree, stderr, "-json")
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return fail(stderr, found, err)
	}
	findings, err := report.Read(&tree, dir)
	if err != nil {
		return fail(stderr, found, err)
	}
	switch {
	case c.json:
		err = report.JSON(stdout, findings)
	case c.sarif:
		err = report.SARIF(stdout, version(), rules(), findings)
	case code == clean || len(findings) > 0:
		err = report.Text(stdout, findings)
		if len(findings) > 0 {
			code = max(code, found)
		}
	}
	if err != nil {
		return fail(stderr, found, err)
	}
	return code
}

// goVet runs go vet with this program as its tool, and returns its exit code.
func (c call) goVet(stdout, stderr io.Writer, mode ...string) int {
	self, err := os.Executable()
	if err != nil {
		return fail(stderr, found, err)
	}
	cmd := exec.Command("go", slices.Concat([]string{"vet", "-vettool=" + self, "-" + askedFor + "=" + c.asked()}, mode, c.vet)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		return fail(stderr, found, err)
	}
	return clean
}

// askedFor is the flag that makes runs for other packages other runs to the
// cache of go vet. It doesn't tell a package that was asked for from one that
// was looked at only because another imports it: what was found in the one
// would show for the other, and nothing at all the other way round.
const askedFor = "asked"

// asked returns a word for the packages that were asked for.
func (c call) asked() string {
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		dir = c.dir
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(dir+"\x00"+strings.Join(c.vet, "\x00"))))[:16]
}

func fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintln(stderr, "belay-vet:", err)
	return code
}

// version returns the version of the module that this was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

func rules() []report.Rule {
	var list []report.Rule
	for _, a := range checks.All() {
		list = append(list, report.Rule{ID: a.Name, Summary: summary(a.Doc), URL: a.URL})
	}
	return list
}
