package groupctx_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/groupctx"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAContextThatIsUsedTooLateOrNotAtAllIsFound(t *testing.T) {
	checktest.Run(t, groupctx.Analyzer)
}
