// Package golangci makes the checks a module plugin of golangci-lint. In
// .custom-gcl.yml:
//
//	plugins:
//	  - module: github.com/belay-go/belay/cmd/belay-vet
//	    import: github.com/belay-go/belay/cmd/belay-vet/golangci
//	    version: latest
//
// and in .golangci.yml:
//
//	linters:
//	  enable: [belay]
//	  settings:
//	    custom:
//	      belay:
//	        type: module
//	        settings:
//	          disable: [afterloop]
package golangci

import (
	"fmt"
	"slices"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/checks"
)

func init() { register.Plugin("belay", New) }

// Settings are what .golangci.yml may set.
type Settings struct {
	Disable []string `json:"disable"` // the checks not to run
}

type plugin struct{ analyzers []*analysis.Analyzer }

// New returns the plugin with those settings. A name in Disable that no check
// has is an error.
func New(raw any) (register.LinterPlugin, error) {
	settings, err := register.DecodeSettings[Settings](raw)
	if err != nil {
		return nil, err
	}
	all := checks.All()
	for _, name := range settings.Disable {
		n := len(all)
		all = slices.DeleteFunc(all, func(a *analysis.Analyzer) bool { return a.Name == name })
		if len(all) == n {
			return nil, fmt.Errorf("belay: no check is called %q", name)
		}
	}
	return plugin{all}, nil
}

func (p plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) { return p.analyzers, nil }

// The checks ask for types.
func (p plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
