package main

// This file floods for real, with fewer keys.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFloodTakesNothingFromAnybody(t *testing.T) {
	require.True(t, flood(200_000, 10_000))
}
