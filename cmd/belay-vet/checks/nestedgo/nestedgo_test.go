package nestedgo_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/nestedgo"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestATaskThatWaitsForASlotInItsSlotIsFound(t *testing.T) {
	checktest.Run(t, nestedgo.Analyzer)
}
