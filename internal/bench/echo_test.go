package main

// This file tests that the child takes its time: one that replied at once would
// make its rows say nothing about tasks that wait.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoReplyComesBeforeThePauseIsOver(t *testing.T) {
	for range 20 {
		began := time.Now()
		require.NoError(t, exchange())
		require.GreaterOrEqual(t, time.Since(began), replyAfter)
	}
}
