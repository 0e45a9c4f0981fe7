package main

// The page, and what it claims, come from the tables and nothing else.

import (
	"os"
	"slices"
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks"

	"golang.org/x/tools/go/analysis"
)

func TestThePageIsWhatTheTablesSay(t *testing.T) {
	record, err := Load("../../docs/real-code")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/real-code.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != record.Page() {
		t.Error("docs/real-code.md is not what the verdicts say: go run ./internal/corpus -write")
	}
	if err := record.Verify(); err != nil {
		t.Error(err)
	}
	for _, v := range record.Verdicts {
		if !slices.ContainsFunc(checks.All(), func(a *analysis.Analyzer) bool { return a.Name == v.Check }) {
			t.Errorf("no check is called %s", v.Check)
		}
		if !slices.ContainsFunc(record.Modules, func(m Module) bool { return m.Path == v.Module && m.Version == v.Version }) {
			t.Errorf("%s@%s is not among the modules", v.Module, v.Version)
		}
	}
}

func TestAClaimThatTheVerdictsDoNotBackIsRefused(t *testing.T) {
	var good Record
	for range 95 {
		good.Verdicts = append(good.Verdicts, Verdict{Verdict: "true"})
	}
	for i, verdict := range []string{"false", "false", "unclear", "unclear", "unclear", "false"} {
		if err := good.Verify(); err != nil {
			t.Errorf("with %d others: %v", i, err)
		}
		good.Verdicts = append(good.Verdicts, Verdict{Verdict: verdict})
	}
	if good.Verify() == nil {
		t.Error("95 of 101 pass")
	}
	if (Record{}).Verify() == nil {
		t.Error("nothing found passes")
	}
}
