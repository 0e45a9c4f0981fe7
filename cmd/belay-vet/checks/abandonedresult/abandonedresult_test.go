package abandonedresult_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/abandonedresult"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAResultThatNobodyTakesIsFound(t *testing.T) {
	checktest.Run(t, abandonedresult.Analyzer)
}
