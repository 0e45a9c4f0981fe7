package sleepctx_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/sleepctx"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestASleepThatACancelCannotEndIsFound(t *testing.T) {
	checktest.Run(t, sleepctx.Analyzer)
}
