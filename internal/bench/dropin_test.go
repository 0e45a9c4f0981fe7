package main

// This file tests the claim that a program changes to our errgroup without
// noticing: programs of other people, whose source imports x/sync's errgroup,
// have to pass their own tests with ours in its place. Nothing of theirs is
// kept here: the module cache has them, in the versions of go.mod.

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// What keeps the programs in go.mod; their tests are run as they are.
	_ "golang.org/x/tools/go/packages"
	_ "golang.org/x/vuln/scan"
	_ "oras.land/oras-go/v2"

	"github.com/belay-go/belay/internal/overlay"
)

// program is a set of packages that reach errgroup outside of their tests.
type program struct {
	name     string
	packages []string
	only     []string // the tests to run; none: all
	atLeast  int      // tests and examples that pass; fewer mean that they were not found
}

var programs = []program{
	{
		// Limited groups below groups with a context, nested by the shape of
		// the data that is copied.
		name:     "oras",
		packages: []string{"oras.land/oras-go/v2", "oras.land/oras-go/v2/internal/syncutil"},
		atLeast:  105,
	},
	{
		// Tasks that submit further tasks to their own group, until none is left.
		name:     "go packages",
		packages: []string{"golang.org/x/tools/go/packages"},
		// The others take minutes, as they build what they load, or need files
		// of the package outside of the module cache.
		only: []string{
			"TestErrorMissingFile", "TestLoadDiamondTypes", "TestLoadEitherSucceedsOrFails",
			"TestLoadImportsTestVariants", "TestLoadSamePackageMultipleChunks", "TestLoadSyntaxError",
			"TestLoadSyntaxOK", "TestLoadTypes", "TestLoadZeroConfig", "TestParseFileModifyAST",
		},
		atLeast: 10,
	},
	{
		// A zero Group with a limit.
		name:     "go module index",
		packages: []string{"golang.org/x/tools/internal/modindex"},
		atLeast:  9,
	},
	{
		// A limited group with a context over requests.
		name:     "govulncheck's client",
		packages: []string{"golang.org/x/vuln/internal/client"},
		atLeast:  4,
	},
}

func TestProgramsPassTheirOwnTestsOnOurErrgroup(t *testing.T) {
	modfile := standIn(t, alias)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			requireOurs(t, modfile, p.packages)
			out, err := p.test(t, modfile)
			require.NoError(t, err, out)
			require.NotContains(t, out, "--- SKIP", out)
			require.GreaterOrEqual(t, len(passed.FindAllString(out, -1)), p.atLeast, out)
		})
	}
}

// Programs that would pass with any errgroup would say nothing about ours.
func TestProgramsNoticeAnErrgroupThatDoesNotWait(t *testing.T) {
	modfile := standIn(t, faulty(t, "return g.ours().Wait()", "return nil"))
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			out, err := p.test(t, modfile)
			require.Error(t, err, out)
			require.Regexp(t, failed, out)
		})
	}
}

func TestProgramsNoticeAFaultByTheTestThatIsAboutIt(t *testing.T) {
	for _, fault := range []struct{ name, right, wrong, test string }{
		{"Wait drops the error", "return g.ours().Wait()", "_ = g.ours().Wait(); return nil", "TestLimitedGroup_Error"},
		{"the limit is not kept", "g.ours().SetLimit(n)", "", "TestLimitedGroup_Limit"},
	} {
		t.Run(fault.name, func(t *testing.T) {
			p := program{packages: []string{"oras.land/oras-go/v2/internal/syncutil"}}
			out, err := p.test(t, standIn(t, faulty(t, fault.right, fault.wrong)))
			require.Error(t, err, out)
			require.Contains(t, out, "--- FAIL: "+fault.test+" ", out)
			require.Contains(t, out, "--- PASS: TestLimitedGroup_Success ", out)
		})
	}
}

var (
	passed = regexp.MustCompile(`(?m)^--- PASS: `)
	failed = regexp.MustCompile(`(?m)^(--- FAIL: |panic: |fatal error: )`)
)

// alias is x/sync's errgroup as another name of ours.
const alias = `package errgroup

import (
	"context"

	"github.com/belay-go/belay/errgroup"
)

type Group = errgroup.Group

func WithContext(ctx context.Context) (*Group, context.Context) { return errgroup.WithContext(ctx) }
`

// wrapper is a group with our group in it, and room for faults.
const wrapper = `package errgroup

import (
	"context"

	"github.com/belay-go/belay/errgroup"
)

type Group struct {
	zero errgroup.Group
	made *errgroup.Group // by WithContext
}

func WithContext(ctx context.Context) (*Group, context.Context) {
	g, derived := errgroup.WithContext(ctx)
	return &Group{made: g}, derived
}

func (g *Group) ours() *errgroup.Group {
	if g.made != nil {
		return g.made
	}
	return &g.zero
}

func (g *Group) Go(f func() error)         { g.ours().Go(f) }
func (g *Group) TryGo(f func() error) bool { return g.ours().TryGo(f) }
func (g *Group) SetLimit(n int)            { g.ours().SetLimit(n) }
func (g *Group) Wait() error               { return g.ours().Wait() }
`

func faulty(t *testing.T, right, wrong string) (source string) {
	require.Equal(t, 1, strings.Count(wrapper, right))
	return strings.Replace(wrapper, right, wrong, 1)
}

// standIn returns a go.mod by which golang.org/x/sync/errgroup has the given
// source, and the module is otherwise as it was.
func standIn(t *testing.T, source string) (modfile string) {
	t.Setenv("GOWORK", "off") // a workspace allows no -modfile
	temp := t.TempDir()
	shim := filepath.Join(temp, "sync")
	require.NoError(t, os.CopyFS(shim, os.DirFS(overlay.Dir(t, "golang.org/x/sync"))))
	require.NoError(t, os.RemoveAll(filepath.Join(shim, "errgroup")))
	write(t, filepath.Join(shim, "errgroup", "errgroup.go"), source)

	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	modfile = filepath.Join(temp, "go.mod")
	write(t, modfile, overlay.Read(t, "go.mod", "=> ../../\n", "=> "+strconv.Quote(root)+"\n")+
		"\nreplace golang.org/x/sync => "+strconv.Quote(shim)+"\n")
	write(t, filepath.Join(temp, "go.sum"), overlay.Read(t, "go.sum"))
	return modfile
}

func write(t *testing.T, path, content string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// requireOurs fails t unless each of the packages is linked with our errgroup.
func requireOurs(t *testing.T, modfile string, packages []string) {
	args := append([]string{"-modfile", modfile, "-f", `{{.ImportPath}} {{join .Deps " "}} `}, packages...)
	out, err := overlay.Go(t, nil, "list", args...)
	require.NoError(t, err, out)
	for _, path := range packages {
		require.Regexp(t, `(?m)^`+regexp.QuoteMeta(path)+` .*github\.com/belay-go/belay/errgroup `, out)
	}
}

// test runs the program's own tests. The paths are trimmed because that of the
// stand-in, which differs every time, would otherwise keep the build cache from
// being used.
func (p program) test(t *testing.T, modfile string) (output string, err error) {
	args := []string{"-modfile", modfile, "-trimpath", "-vet=off", "-count=1", "-v", "-timeout=1m"}
	if p.only != nil {
		args = append(args, "-run=^("+strings.Join(p.only, "|")+")$")
	}
	return overlay.Go(t, nil, "test", append(args, p.packages...)...)
}
