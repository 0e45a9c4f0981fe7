package lockedthread_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/lockedthread"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestATaskThatKeepsItsThreadLockedIsFound(t *testing.T) {
	checktest.Run(t, lockedthread.Analyzer)
}
