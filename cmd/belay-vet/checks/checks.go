// Package checks lists what belay-vet looks for.
package checks

import (
	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/checks/abandonedresult"
	"github.com/belay-go/belay/cmd/belay-vet/checks/endlessrange"
	"github.com/belay-go/belay/cmd/belay-vet/checks/ignore"
	"github.com/belay-go/belay/cmd/belay-vet/checks/waitclose"
)

// All returns every check, by name.
func All() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		abandonedresult.Analyzer,
		endlessrange.Analyzer,
		ignore.Analyzer,
		waitclose.Analyzer,
	}
}
