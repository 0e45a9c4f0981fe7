package waitclose_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/waitclose"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAHelperThatOutlivesTheWaitIsFound(t *testing.T) {
	checktest.Run(t, waitclose.Analyzer)
}
