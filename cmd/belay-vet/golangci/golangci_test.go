package golangci_test

// What golangci-lint does with a module plugin.

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/belay-go/belay/cmd/belay-vet/checks"
	_ "github.com/belay-go/belay/cmd/belay-vet/golangci"
)

func TestThePluginHasEveryCheckButThoseDisabled(t *testing.T) {
	build, err := register.GetPlugin("belay")
	if err != nil {
		t.Fatal(err)
	}
	for _, disabled := range [][]any{{}, {"ignore"}} {
		p, err := build(map[string]any{"disable": disabled})
		if err != nil {
			t.Fatal(err)
		}
		if mode := p.GetLoadMode(); mode != register.LoadModeTypesInfo {
			t.Error(mode)
		}
		analyzers, err := p.BuildAnalyzers()
		if err != nil || len(analyzers) != len(checks.All())-len(disabled) {
			t.Error(len(analyzers), err)
		}
		if err := analysis.Validate(analyzers); err != nil {
			t.Error(err)
		}
	}
}

func TestAnUnknownCheckIsAnError(t *testing.T) {
	build, err := register.GetPlugin("belay")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := build(map[string]any{"disable": []any{"nosuch"}}); err == nil {
		t.Error("a misspelt name went unnoticed")
	}
}
