package loopvar_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/loopvar"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestACopyThatNoRoundNeedsIsFound(t *testing.T) {
	checktest.Run(t, loopvar.Analyzer)
}
