package ignore_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/ignore"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestADirectiveWithoutItsReasonIsFound(t *testing.T) {
	checktest.Run(t, ignore.Analyzer)
}
