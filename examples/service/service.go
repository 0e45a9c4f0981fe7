package main

// The service itself, without its servers: what handlers of both protocols
// share.

import (
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/examples/service/files"
	"github.com/belay-go/belay/examples/service/servicepb"
	"github.com/belay-go/belay/graceful"
)

const (
	// requestTime bounds a request, however patient its client is.
	requestTime = 15 * time.Second
	// diskTime bounds the one thing a request depends on: a disk that hangs
	// must not hold the request for all of its time.
	diskTime = 5 * time.Second
	// workers is the most files that one request reads at once.
	workers = 8
	// maxBody is the largest body, and the largest grpc message, in bytes.
	maxBody = 1 << 20
	// maxSlow is the longest wait that a client can ask for.
	maxSlow = 10 * time.Second
)

// service is shared by all requests; its methods are safe for concurrent use.
type service struct {
	servicepb.UnimplementedFilesServer

	cfg    config
	log    *slog.Logger
	store  *files.Store
	limits *limits
	served *served

	signals chan os.Signal // those that don't stop the service

	ready  atomic.Bool    // as the plain variant's /readyz sees it
	health *health.Server // as grpc's clients see it

	end belaygrpc.Graceful // of the grpc server

	// Who stops the service also knows these; set before anything is served.
	livez, readyz http.HandlerFunc
	adminAddr     func() string // where -admin listens
	manager       *graceful.Manager
	page          http.Handler // /debug/belay; nil: none
	generation    func() int   // how many processes have had this one's place before
}

// newService opens the folder and reads the limits; it starts nothing. Close
// what it returns.
func newService(cfg config, log *slog.Logger) (*service, error) {
	set, err := settingsOf(cfg)
	if err != nil {
		return nil, badValue(cfg.limitsFile, "SERVICE_LIMITS", err)
	}
	store, err := files.Open(cfg.root, workers)
	if err != nil {
		return nil, badValue(cfg.root, "flag -root", err)
	}
	s := &service{
		cfg:    cfg,
		log:    log,
		store:  store,
		limits: newLimits(set),
		served: newServed(log),
		health: health.NewServer(),

		signals: otherSignals(),
	}
	s.end.Health = unready{s}
	s.livez = func(w http.ResponseWriter, _ *http.Request) { probe(w, true) }
	s.readyz = func(w http.ResponseWriter, _ *http.Request) { probe(w, s.ready.Load()) }
	s.adminAddr = func() string { return cfg.admin }
	s.generation = func() int { return 0 }
	s.setReady(false)
	return s, nil
}

// Close closes the folder and leaves signals to the system again.
func (s *service) Close() error {
	signal.Stop(s.signals)
	return s.store.Close()
}

// setReady is what both readiness probes say from now on.
func (s *service) setReady(ready bool) {
	s.ready.Store(ready)
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
	s.health.SetServingStatus(servicepb.Files_ServiceDesc.ServiceName, status)
}

// unready is the service as the stop sees it. The manager answers /readyz itself;
// grpc's health has to be told.
type unready struct{ s *service }

func (u unready) Shutdown() { u.s.setReady(false) }
