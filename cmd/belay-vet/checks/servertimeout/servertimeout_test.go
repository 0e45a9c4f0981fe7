package servertimeout_test

// What the check finds, and what it leaves alone.

import (
	"testing"

	"github.com/belay-go/belay/cmd/belay-vet/checks/servertimeout"
	"github.com/belay-go/belay/cmd/belay-vet/internal/checktest"
)

func TestAServerWithoutALimitIsFound(t *testing.T) {
	checktest.Run(t, servertimeout.Analyzer)
}

func TestFoldersOfTestsAndExamplesAreLeftAlone(t *testing.T) {
	for path, want := range map[string]bool{
		"m/test": true, "m/tests": true, "m/tests/web": true, "m/testing": true, "m/testutil": true, "m/testutils": true, "m/testdata": true,
		"m/testenv": true, "m/e2e": true, "m/integration": true, "m/fixtures": true, "m/mock": true, "m/mocks": true,
		"m/example": true, "m/examples": true, "m/_examples": true, "m/demo": true, "m/demos": true, "m/sample": true, "m/samples": true,
		"m/tutorial": true, "m/tutorials": true, "m/bench": true, "m/benchmark": true, "m/benchmarks": true,
		"m/httptest": true, "m/web-tests": true, "m/test-web": true,
		"m": false, "m/web": false, "m/attestation": false, "m/demographics": false,
	} {
		if servertimeout.AsidePath(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
