package afterloop_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/afterloop"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestATimerMadeAnewInEachRoundIsFound(t *testing.T) {
	checktest.Run(t, afterloop.Analyzer)
}
