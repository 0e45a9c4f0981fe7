package main

// The service as a set of components: what starts before what, and what stops
// after what.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/belay-go/belay/graceful"
)

// The phases start in this order and stop in the reverse one.
const (
	phaseTelemetry = iota // the last to go: it hears of everything else
	phaseWorkers
	phaseServers
)

// digestLimit bounds the wait for the log: the report is worth more.
const digestLimit = time.Second

// serve serves until a signal comes or something fails, and returns the exit
// code.
func (p process) serve(s *service, onReady func(web, rpc net.Addr)) int {
	var m *graceful.Manager
	m = graceful.New(graceful.Options{
		Budget:  s.cfg.grace,
		Signals: stopSignals,
		Logger:  s.log,
		Restart: graceful.RestartOptions{Enabled: true, Probation: s.cfg.probation},
		OnReady: func() { onReady(m.Addr("http"), m.Addr("grpc")) },
	})
	s.livez, s.readyz = m.Livez, m.Readyz
	s.adminAddr = func() string { return m.Addr("admin").String() }
	s.manager, s.page = m, s.managerPage(m)
	s.generation = func() int { return m.Report().Generation }
	s.addTo(m)

	report, err := m.Run(context.Background())
	if err != nil && !report.Ready {
		return p.fail(report.ExitCode(), s.explain(err))
	}
	fmt.Fprintln(p.stderr, report)
	return report.ExitCode()
}

// addTo adds the service's components. A name of a server is that of its flag.
func (s *service) addTo(m *graceful.Manager) {
	m.Add(phaseTelemetry,
		graceful.Component{Name: "digest", Limit: digestLimit, Stop: s.served.digest.close},
		graceful.HTTP("admin", s.cfg.admin, newHTTPServer(s.adminRoutes(), s.log)))
	m.Add(phaseWorkers,
		graceful.Func("signals", s.handleSignals))
	if s.cfg.hang {
		m.Add(phaseWorkers, newConsumer().component())
	}
	m.Add(phaseServers,
		graceful.HTTP("http", s.cfg.http, newHTTPServer(s.routes(), s.log)),
		s.end.Component("grpc", s.cfg.grpc, s.newGRPCServer()))
}

// explain names the flag behind a socket that can't be had.
func (s *service) explain(err error) error {
	var failed *graceful.ComponentError
	if errors.As(err, &failed) && failed.Stage == "bind" {
		return bindError(failed.Name, s.cfg.addresses()[failed.Name], failed.Err)
	}
	return err
}

func bindError(flag, addr string, err error) error { return badValue(addr, "flag -"+flag, err) }
