package shutdownctx_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/shutdownctx"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAShutdownWithoutTimeIsFound(t *testing.T) {
	checktest.Run(t, shutdownctx.Analyzer)
}
