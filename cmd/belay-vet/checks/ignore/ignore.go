// Package ignore finds the directives that silence findings and don't say why.
package ignore

import (
	_ "embed"

	"github.com/belay-go/belay/cmd/belay-vet/internal/check"
)

//go:embed doc.md
var page string

// Analyzer reports a directive without a reason.
var Analyzer = check.New("ignore", page, run)

func run(pass *check.Pass) {
	for _, file := range pass.Files {
		for _, ignore := range check.Ignores(file) {
			if ignore.Reason == "" {
				pass.Reportf(ignore.Pos, "%s needs a reason; without one it silences nothing", check.Directive)
			}
		}
	}
}
