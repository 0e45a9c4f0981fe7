package chansem_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/chansem"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAWaitForASlotThatIgnoresItsContextIsFound(t *testing.T) {
	checktest.Run(t, chansem.Analyzer)
}
