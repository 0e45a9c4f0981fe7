// Package migrate moves a module from golang.org/x/sync's errgroup and
// semaphore and golang.org/x/time's rate to belay's, and back.
//
// Only import paths change: the packages of a pair have the same name and the
// same API. What has to be decided is which files can change at all. A type of
// an original package is another type than its twin, so all files that exchange
// such values have to agree, and a file that exchanges them with a package
// outside of the module can't change. Where the types tell nothing, the file
// keeps its import.
//
// The result is type-checked in memory before anything is written, and then
// everything is written, go.mod included, or nothing.
package migrate

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// belay is the module that has the twins.
const belay = "github.com/belay-go/belay"

// A pair is a package and its twin.
type pair struct{ from, to string }

var pairs = []pair{
	{"golang.org/x/sync/errgroup", belay + "/errgroup"},
	{"golang.org/x/sync/semaphore", belay + "/limiter/semaphore"},
	{"golang.org/x/time/rate", belay + "/limiter/rate"},
}

// name returns the name of both packages.
func (p pair) name() string { return p.from[strings.LastIndexByte(p.from, '/')+1:] }

// inverse returns the pairs of the way back.
func inverse(list []pair) []pair {
	list = slices.Clone(list)
	for i, p := range list {
		list[i] = pair{p.to, p.from}
	}
	return list
}

// Options say what to do. The zero value reports what would move in the module
// of the working directory.
type Options struct {
	Dir      string   // where the patterns are relative to; empty: the working directory
	Patterns []string // packages, as for go list; empty: ./...
	Flags    []string // build flags, such as -tags
	Env      []string // of the go command; nil: this process's

	Apply  bool // write what changes
	Revert bool // from belay to the originals

	// Version is that of belay to require where a module has none yet; empty:
	// that of this program, or the latest if it has none.
	Version string
}

// Run finds out what can move, and with Options.Apply moves it. An error means
// that nothing was written.
func Run(ctx context.Context, o Options) (*Report, error) {
	if len(o.Patterns) == 0 {
		o.Patterns = []string{"./..."}
	}
	ws, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer ws.close()

	r := &Report{Applied: o.Apply, Revert: o.Revert, dir: ws.dir}
	used, err := ws.used()
	if err != nil || len(used) == 0 {
		return r, err
	}
	if err := ws.require(ctx, used, o); err != nil {
		if o.Apply {
			return nil, err
		}
		r.Notes = append(r.Notes, Note{Text: err.Error()})
	}
	p, err := ws.load(ctx, used)
	if err != nil {
		return nil, err
	}
	g := p.analyze()
	if err := p.settle(g); err != nil {
		return nil, err
	}
	p.fill(r, g)
	if len(r.Rewritten) == 0 {
		return r, nil
	}
	edits, err := p.edits(r.Rewritten)
	if err != nil {
		return nil, err
	}
	if err := ws.finish(ctx, r, &edits); err != nil {
		return nil, err
	}
	if !o.Apply {
		return r, nil
	}
	return r, apply(ctx, edits)
}

// query returns the version to ask for.
func (o Options) query() string {
	if o.Version != "" {
		return o.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") && !strings.HasPrefix(info.Main.Version, "v0.0.0-") &&
		!strings.Contains(info.Main.Version, "+") {
		return info.Main.Version
	}
	return "latest"
}

// A set holds pairs, by their index in the program's.
type set uint8

func (s set) has(i int) bool { return s&(1<<i) != 0 }

func (s set) each(n int, f func(i int)) {
	for i := range n {
		if s.has(i) {
			f(i)
		}
	}
}

func errorf(format string, args ...any) error { return fmt.Errorf("migrate: "+format, args...) }
