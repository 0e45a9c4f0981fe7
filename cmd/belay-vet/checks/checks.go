// Package checks lists what belay-vet looks for.
package checks

import (
	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/checks/chansem"
	"github.com/belay-go/belay/cmd/belay-vet/checks/failedacquire"
	"github.com/belay-go/belay/cmd/belay-vet/checks/ignore"
	"github.com/belay-go/belay/cmd/belay-vet/checks/permitleak"
	"github.com/belay-go/belay/cmd/belay-vet/checks/servertimeout"
	"github.com/belay-go/belay/cmd/belay-vet/checks/shutdownctx"
	"github.com/belay-go/belay/cmd/belay-vet/checks/shutdownwait"
	"github.com/belay-go/belay/cmd/belay-vet/checks/signalstop"
)

// All returns every check, by name.
func All() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		chansem.Analyzer,
		failedacquire.Analyzer,
		ignore.Analyzer,
		permitleak.Analyzer,
		servertimeout.Analyzer,
		shutdownctx.Analyzer,
		shutdownwait.Analyzer,
		signalstop.Analyzer,
	}
}
