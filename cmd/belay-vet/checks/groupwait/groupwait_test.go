package groupwait_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/groupwait"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAGroupThatNobodyWaitsForIsFound(t *testing.T) {
	checktest.Run(t, groupwait.Analyzer)
}
