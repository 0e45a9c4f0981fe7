// Package checks lists what belay-vet looks for.
package checks

import (
	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/checks/abandonedresult"
	"github.com/belay-go/belay/cmd/belay-vet/checks/afterloop"
	"github.com/belay-go/belay/cmd/belay-vet/checks/chansem"
	"github.com/belay-go/belay/cmd/belay-vet/checks/deferloop"
	"github.com/belay-go/belay/cmd/belay-vet/checks/draintimer"
	"github.com/belay-go/belay/cmd/belay-vet/checks/earlyreturn"
	"github.com/belay-go/belay/cmd/belay-vet/checks/endlessrange"
	"github.com/belay-go/belay/cmd/belay-vet/checks/failedacquire"
	"github.com/belay-go/belay/cmd/belay-vet/checks/groupctx"
	"github.com/belay-go/belay/cmd/belay-vet/checks/groupwait"
	"github.com/belay-go/belay/cmd/belay-vet/checks/ignore"
	"github.com/belay-go/belay/cmd/belay-vet/checks/lockedthread"
	"github.com/belay-go/belay/cmd/belay-vet/checks/loopvar"
	"github.com/belay-go/belay/cmd/belay-vet/checks/nestedgo"
	"github.com/belay-go/belay/cmd/belay-vet/checks/permitleak"
	"github.com/belay-go/belay/cmd/belay-vet/checks/servertimeout"
	"github.com/belay-go/belay/cmd/belay-vet/checks/shutdownctx"
	"github.com/belay-go/belay/cmd/belay-vet/checks/shutdownwait"
	"github.com/belay-go/belay/cmd/belay-vet/checks/signalstop"
	"github.com/belay-go/belay/cmd/belay-vet/checks/sleepctx"
	"github.com/belay-go/belay/cmd/belay-vet/checks/ticker"
	"github.com/belay-go/belay/cmd/belay-vet/checks/waitclose"
)

// All returns every check, by name.
func All() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		abandonedresult.Analyzer,
		afterloop.Analyzer,
		chansem.Analyzer,
		deferloop.Analyzer,
		draintimer.Analyzer,
		earlyreturn.Analyzer,
		endlessrange.Analyzer,
		failedacquire.Analyzer,
		groupctx.Analyzer,
		groupwait.Analyzer,
		ignore.Analyzer,
		lockedthread.Analyzer,
		loopvar.Analyzer,
		nestedgo.Analyzer,
		permitleak.Analyzer,
		servertimeout.Analyzer,
		shutdownctx.Analyzer,
		shutdownwait.Analyzer,
		signalstop.Analyzer,
		sleepctx.Analyzer,
		ticker.Analyzer,
		waitclose.Analyzer,
	}
}
