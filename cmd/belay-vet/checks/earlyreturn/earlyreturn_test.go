package earlyreturn_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/earlyreturn"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAReturnThatLeavesTasksBehindIsFound(t *testing.T) {
	checktest.Run(t, earlyreturn.Analyzer)
}
