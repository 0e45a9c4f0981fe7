package status_test

// The package against the rules that all packages share.

import (
	"testing"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestContract(t *testing.T) {
	contract.Run(t, contract.Table{
		Misuses: []contract.Misuse{
			{Name: "no manager", Text: "status: Handler with a nil manager", Do: func() { status.Handler(nil, status.Options{}) }},
			{Name: "no Stats", Text: "status: nil Stats function", Do: func() {
				status.Handler(graceful.New(quietly()), status.Options{Stats: map[string]func() belay.Stats{"none": nil}})
			}},
		},
	})
}
