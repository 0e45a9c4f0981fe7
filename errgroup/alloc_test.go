package errgroup_test

// This file tests what a task and a group cost in allocations.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	xsync "golang.org/x/sync/errgroup"

	"github.com/belay-go/belay/errgroup"
)

func TestATaskUnderALimitAllocatesNothing(t *testing.T) {
	const tasks = 10_000
	for _, limit := range []int{1, 2, 8, 64, 1000} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			var g errgroup.Group
			g.SetLimit(limit)
			perTask := testing.AllocsPerRun(5, func() {
				for range tasks {
					g.Go(nothing)
				}
				_ = g.Wait()
			}) / tasks
			require.Less(t, perTask, 0.05) // the rare waiter and goroutine of a busy machine
		})
	}
}

func TestATaskWithoutALimitAllocatesOnce(t *testing.T) {
	var g errgroup.Group
	perTask := testing.AllocsPerRun(100, func() {
		g.Go(nothing)
		_ = g.Wait()
	})
	require.LessOrEqual(t, perTask, 1.0)
}

func TestAGroupOfOneTaskAllocatesNoMoreThanXSyncs(t *testing.T) {
	ours := testing.AllocsPerRun(100, func() {
		g, _ := errgroup.WithContext(t.Context())
		g.SetLimit(8)
		g.Go(nothing)
		_ = g.Wait()
	})
	theirs := testing.AllocsPerRun(100, func() {
		g, _ := xsync.WithContext(t.Context())
		g.SetLimit(8)
		g.Go(nothing)
		_ = g.Wait()
	})
	require.LessOrEqual(t, ours, theirs)
}
