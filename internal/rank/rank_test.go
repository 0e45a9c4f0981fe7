package rank_test

// This file tests that numbers stay, and differ.

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/rank"
)

func TestANumberStaysAndNoTwoAreAlike(t *testing.T) {
	ranks := make([]rank.Rank, 1000)
	numbers := make([][2]uint64, len(ranks))
	var both sync.WaitGroup
	for side := range 2 {
		both.Go(func() {
			for i := range ranks {
				numbers[i][side] = ranks[i].Number()
			}
		})
	}
	both.Wait()
	seen := map[uint64]bool{0: true}
	for i, n := range numbers {
		require.Equal(t, n[0], n[1])
		require.False(t, seen[n[0]])
		require.Equal(t, n[0], ranks[i].Number())
		seen[n[0]] = true
	}
}

func TestWhoIsAskedFirstComesFirst(t *testing.T) {
	var first, second rank.Rank
	require.Less(t, first.Number(), second.Number())
}
