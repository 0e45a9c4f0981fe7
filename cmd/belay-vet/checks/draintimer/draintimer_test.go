package draintimer_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/draintimer"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestADrainWithNothingToDrainIsFound(t *testing.T) {
	checktest.Run(t, draintimer.Analyzer)
}
