package ticker_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/ticker"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestATickerThatKeepsAGoroutineOrItselfIsFound(t *testing.T) {
	checktest.Run(t, ticker.Analyzer)
}
