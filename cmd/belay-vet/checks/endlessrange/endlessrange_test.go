package endlessrange_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/endlessrange"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAWorkerThatNothingEndsIsFound(t *testing.T) {
	checktest.Run(t, endlessrange.Analyzer)
}
