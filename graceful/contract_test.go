package graceful_test

// The package against the rules that all packages share.

import (
	"context"
	"net"
	"testing"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/contract"
)

func servePacket(context.Context, net.PacketConn) error { return nil }

func TestContract(t *testing.T) {
	ran := graceful.New(quietly())
	ran.Stop(nil)
	if _, err := ran.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			// A manager runs once, so what the table has are managers that
			// run once for each call.
			{Name: "Manager.Run", Kind: contract.Serve, New: func() contract.Subject {
				return contract.Subject{Do: func(ctx context.Context) error {
					m := graceful.New(quietly())
					m.Add(1, worker("worker"), graceful.Component{Name: "hook", Stop: func(context.Context) error { return nil }})
					_, err := m.Run(ctx)
					return err
				}}
			}},
		},
		Misuses: []contract.Misuse{
			{Name: "Exclusive with Serve", Text: "graceful: Exclusive with Serve", Do: func() {
				graceful.New(quietly()).Add(0, graceful.Component{Name: "x", Addr: ":0", Exclusive: true, Serve: func(context.Context, net.Listener) error { return nil }})
			}},
			{Name: "Exclusive with ServePacket", Text: "graceful: Exclusive with ServePacket", Do: func() {
				graceful.New(quietly()).Add(0, graceful.Component{Name: "x", Addr: "udp::0", Exclusive: true, ServePacket: servePacket})
			}},
			{Name: "ServePacket without Addr", Text: "graceful: ServePacket without an Addr of udp or unixgram", Do: func() {
				graceful.New(quietly()).Add(0, graceful.Component{Name: "x", Addr: ":0", ServePacket: servePacket})
			}},
			{Name: "ServePacket and Run", Text: "graceful: component with ServePacket and with Run or Serve", Do: func() {
				c := worker("x")
				c.Addr, c.ServePacket = "udp::0", servePacket
				graceful.New(quietly()).Add(0, c)
			}},
			{Name: "HandOverIdle without HTTP", Text: "graceful: HandOverIdle without HTTP", Do: func() {
				graceful.New(quietly()).Add(0, graceful.Component{Name: "x", HandOverIdle: true, Stop: func(context.Context) error { return nil }})
			}},
			//lint:ignore SA1012 that is the misuse
			{Name: "Restart without a context", Text: "graceful: Restart with a nil context", Do: func() { _ = ran.Restart(nil) }},
			{Name: "Add after Run", Text: "graceful: Add after Run", Do: func() { ran.Add(0, worker("late")) }},
			{Name: "WithDraining of nobody", Text: "graceful: WithDraining of an unknown component", Do: func() { ran.WithDraining(t.Context(), "nobody") }},
			{Name: "Run twice", Text: "graceful: Run called twice", Do: func() { _, _ = ran.Run(context.Background()) }},
		},
		Exempt: map[string]string{
			"Manager.Restart":      "waits for another process: TestTheEndOfAContextEndsARestart checks the rules on it",
			"Manager.Main":         "is Run, and the exit code for what it returns: the rules are checked on Run",
			"Manager.WithDraining": "only adds to its context, and returns at once",
			"Manager.Stop":         "asks for a stop and never waits: Run does",
			"Closer":               "closes nothing: it describes a component",
			"Draining":             "only reads from its context, and returns at once",
		},
	})
}
