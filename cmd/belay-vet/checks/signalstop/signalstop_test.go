package signalstop_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/signalstop"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestASignalThatStaysCaughtIsFound(t *testing.T) {
	checktest.Run(t, signalstop.Analyzer)
}
