package servertimeout_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/servertimeout"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAServerWithoutALimitIsFound(t *testing.T) {
	checktest.Run(t, servertimeout.Analyzer)
}
