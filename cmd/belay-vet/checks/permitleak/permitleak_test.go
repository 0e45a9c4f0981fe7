package permitleak_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/permitleak"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAPermitThatOneWayKeepsIsFound(t *testing.T) {
	checktest.Run(t, permitleak.Analyzer)
}
