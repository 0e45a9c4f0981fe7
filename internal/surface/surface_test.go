package surface_test

// This file tests the reading of a package that has one of each kind of name.

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/surface"
)

const source = `package p

import "context"

// Kind is documented.
type Kind int

const (
	// One is.
	One Kind = iota
	Two
	three
)

var Undocumented = 1

// T has fields.
type T[K comparable] struct {
	A, B int // both
	c    int

	D func(
		x int,
	) error

	// E speaks for F too.
	E int
	F int
}

// I is an interface.
type I interface {
	M(ctx context.Context) error
	n()
}

// Do comes late with its context.
func (t *T[K]) Do(a, b int, ctx context.Context) {}
func (t *T[K]) hidden()                          {}

type small struct{}

func (small) Exported() {}

// Alias is one.
type Alias = T[int]

// F takes one first.
func F(ctx context.Context, f func() error) (int, error) { return 0, nil }

// G would be a method if methods could be generic.
func G[V any](a *Alias, ctx context.Context, v V) {}

// H would not, and is late with its context.
func H[V any](v V, ctx context.Context) {}

// J could be one, and is late with its context.
func J(a *Alias, ctx context.Context) {}
`

const examples = `package p_test

func ExampleF() {
	// Output:
}

func ExampleT_Do_inPairs() {
	// Output: x
}

func ExampleI() {}
`

func folder(t *testing.T) string {
	dir := t.TempDir()
	for name, text := range map[string]string{"p.go": source, "p_test.go": examples, "p_windows.go": "package p\n\nvar Other int\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestEveryExportedNameIsReadWithItsSignature(t *testing.T) {
	names, err := surface.Read(folder(t))
	require.NoError(t, err)
	var lines, undocumented []string
	contexts := map[string]int{}
	for _, n := range names {
		lines = append(lines, n.Line)
		if !n.Doc {
			undocumented = append(undocumented, n.Name)
		}
		if n.Context >= 0 {
			contexts[n.Name] = n.Context
		}
	}
	require.Equal(t, []string{
		"const One Kind",
		"const Two",
		"field T.A int",
		"field T.B int",
		"field T.D func(x int) error",
		"field T.E int",
		"field T.F int",
		"func F(ctx context.Context, f func() error) (int, error)",
		"func G[V any](a *Alias, ctx context.Context, v V)",
		"func H[V any](v V, ctx context.Context)",
		"func J(a *Alias, ctx context.Context)",
		"method (*T[K]) Do(a, b int, ctx context.Context)",
		"method (I) M(ctx context.Context) error",
		"type Alias = T[int]",
		"type I interface",
		"type Kind int",
		"type T[K comparable] struct",
		"var Undocumented",
	}, lines)
	require.Equal(t, []string{"Two", "T.D", "I.M", "Undocumented"}, undocumented)
	require.Equal(t, map[string]int{"F": 0, "G": 0, "H": 1, "J": 1, "T.Do": 2, "I.M": 0}, contexts)
}

func TestOnlyExamplesThatRunCount(t *testing.T) {
	found, err := surface.Examples(folder(t))
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"F": true, "T.Do": true}, found)
}

func TestAFolderWithoutAPackageIsAnError(t *testing.T) {
	_, err := surface.Read(t.TempDir())
	require.Error(t, err)
}
