package failedacquire_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/failedacquire"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAReleaseWithoutAPermitIsFound(t *testing.T) {
	checktest.Run(t, failedacquire.Analyzer)
}
