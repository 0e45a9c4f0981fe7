// Command belay-vet finds what leaks, hangs and loses work in Go programs, and
// moves a module over to belay.
//
//	belay-vet [flags] [packages]            print what is found
//	belay-vet -fix | -diff [packages]       apply the suggested fixes, or show them
//	belay-vet -json | -sarif [packages]     print it for programs
//	belay-vet -migrate [-fix] [packages]    what would move to belay; with -fix: move it
//	belay-vet -revert [-fix] [packages]     the way back
//	belay-vet help [check]                  the checks, or one of them
//
// It is a vet tool too:
//
//	go vet -vettool=$(which belay-vet) ./...
//	go fix -fixtool=$(which belay-vet) ./...
//
// By itself it is a front end of the former, so packages, build flags and the
// build cache are go vet's. A flag -CHECK runs that check alone, -CHECK=false
// all others. It exits as go vet does: 0 if nothing was found, 1 if something
// was or a package doesn't compile, 2 if it was called wrongly. With -json and
// -sarif findings alone are no failure.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/belay-go/belay/cmd/belay-vet/checks"
)

func main() {
	args := os.Args[1:]
	if byGoCommand(args) {
		flag.String(askedFor, "", "what was asked for, so that the cache of go vet tells it from what was not")
		unitchecker.Main(checks.All()...)
	}
	os.Exit(run(args, os.Stdout, os.Stderr))
}

// byGoCommand reports whether go vet or go fix runs this: it asks for the
// version and the flags, and then gives the file that describes a package.
func byGoCommand(args []string) bool {
	return slices.Contains(args, "-flags") ||
		slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-V") }) ||
		len(args) > 0 && strings.HasSuffix(args[len(args)-1], ".cfg")
}

const usage = `usage: belay-vet [flags] [packages]

  -fix           apply the suggested fixes
  -diff          show them
  -json, -sarif  print what is found for programs
  -migrate       move x/sync's errgroup and semaphore and x/time's rate to belay;
                 without -fix it says what it would do
  -revert        the way back
  -CHECK         that check alone; -CHECK=false: all others
  -tags, -C, ... as go vet's

belay-vet help lists the checks, belay-vet help CHECK explains one.
`

// help prints the checks, or one of them.
func help(names []string) (string, error) {
	var b strings.Builder
	if len(names) == 0 {
		b.WriteString(usage + "\nThe checks:\n\n")
		for _, a := range checks.All() {
			fmt.Fprintf(&b, "  %-16s %s\n", a.Name, summary(a.Doc))
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(checks.All(), func(a *analysis.Analyzer) bool { return a.Name == name })
		if i < 0 {
			return "", fmt.Errorf("no check is called %s; belay-vet help lists them", name)
		}
		b.WriteString(checks.All()[i].Doc + "\n")
	}
	return b.String(), nil
}

// summary returns the first line of a check's documentation without its name.
func summary(doc string) string {
	first, _, _ := strings.Cut(doc, "\n\n")
	_, text, _ := strings.Cut(first, ": ")
	return strings.Join(strings.Fields(text), " ")
}
