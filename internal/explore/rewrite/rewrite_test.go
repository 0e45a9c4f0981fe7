package rewrite_test

// This file checks what becomes of each operation.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/explore/rewrite"
)

func rewritten(t *testing.T, body string) string {
	t.Helper()
	source := "package x\n\nfunc f(a, b chan int) int {\n" + body + "\n}\n"
	out, err := rewrite.Source("x.go", source)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimPrefix(out, `package x; import "github.com/belay-go/belay/internal/explore"`), "\n")
	return strings.Join(lines[3:3+strings.Count(body, "\n")+1], "\n")
}

func TestEachOperationGetsItsStepOnItsLine(t *testing.T) {
	for body, want := range map[string]string{
		"return <-a":              "return explore.Recv(a)",
		"a <- 1":                  "explore.Send(a , 1)",
		"close(a)":                "explore.Close(a)",
		"go g.work()":             "explore.Go(g.work)",
		"go func() {\n\t<-a\n}()": "explore.Go(func() {\n\texplore.Recv(a)\n})",
		"go g.work(1, a)":         "{ fun, arg0, arg1 := g.work, 1, a; explore.Go(func() { fun(arg0, arg1) }) }",
		"select {\ncase <-a:\nreturn 1\ncase v := <-b:\nreturn v\n}": "switch explore.Select(false, explore.R(a), explore.R(b)) {\ncase 0: <-a;\nreturn 1\ncase 1: v := <-b;\nreturn v\ndefault: panic(\"explore: no case\") }",
		"select {\ncase a <- 1:\ndefault:\n}":                        "switch explore.Select(true, explore.S(a)) {\ncase 0: a <- 1;\ndefault:\n}",
	} {
		require.Equal(t, want, rewritten(t, body))
	}
}

func TestWhatCannotBeRewrittenIsRefused(t *testing.T) {
	_, err := rewrite.Source("x.go", "package x\nfunc f(c chan int) { v, ok := <-c; _, _ = v, ok }")
	require.ErrorContains(t, err, "x.go:2:22: a receive with two results")
	_, err = rewrite.Source("x.go", "package")
	require.ErrorContains(t, err, "rewrite: ")
}
