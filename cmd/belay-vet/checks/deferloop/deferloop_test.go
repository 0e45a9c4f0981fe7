package deferloop_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/deferloop"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestADeferThatALoopPilesUpIsFound(t *testing.T) {
	checktest.Run(t, deferloop.Analyzer)
}
