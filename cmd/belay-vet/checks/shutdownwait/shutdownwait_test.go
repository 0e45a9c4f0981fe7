package shutdownwait_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/shutdownwait"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAShutdownNobodyWaitsForIsFound(t *testing.T) {
	checktest.Run(t, shutdownwait.Analyzer)
}
