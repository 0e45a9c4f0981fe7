package heavy_test

// Without a database: a start that fails is told, at once and by name. Temporal
// speaks grpc, so a stand-in for its server can hand out an activity.

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/belay-go/belay/examples/recipes/heavy"
	"github.com/belay-go/belay/graceful"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// runAlone runs one component until it ends, or until stop says so.
func runAlone(t *testing.T, c graceful.Component, stop func(m *graceful.Manager)) (graceful.Report, error) {
	t.Helper()
	var m *graceful.Manager
	m = graceful.New(graceful.Options{
		Budget:  15 * time.Second,
		Signals: []os.Signal{},
		Logger:  quiet,
		OnReady: func() {
			if stop != nil {
				stop(m)
			}
			m.Stop(nil)
		},
	})
	m.Add(0, c)
	return m.Run(t.Context())
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

type sorting struct{}

func (sorting) Kind() string { return "sorting" }

func TestRiverWithoutItsDatabaseFailsTheStart(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), "postgres://user@"+closedPort(t)+"/none?sslmode=disable")
	require.NoError(t, err)
	defer pool.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[sorting]) error { return nil }))
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Logger:  quiet,
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}},
		Workers: workers,
	})
	require.NoError(t, err)
	report, err := runAlone(t, heavy.River(c), nil)
	require.ErrorContains(t, err, "graceful: river: start: error making initial connection to database")
	require.Equal(t, 1, report.ExitCode())
}

func TestAsynqWithoutRedisFailsTheStart(t *testing.T) {
	_, err := runAlone(t, heavy.Asynq(asynq.RedisClientOpt{Addr: closedPort(t)}, asynq.Config{},
		asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })), nil)
	require.ErrorContains(t, err, "graceful: asynq: start: dial tcp")
}

// temporal is a server that has one activity to do.
type temporal struct {
	workflowservice.UnimplementedWorkflowServiceServer
	tasks chan *workflowservice.PollActivityTaskQueueResponse
	done  chan *workflowservice.RespondActivityTaskCompletedRequest
}

func (s *temporal) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (s *temporal) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s *temporal) PollActivityTaskQueue(ctx context.Context, _ *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	select {
	case task := <-s.tasks:
		return task, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *temporal) RespondActivityTaskCompleted(_ context.Context, r *workflowservice.RespondActivityTaskCompletedRequest) (*workflowservice.RespondActivityTaskCompletedResponse, error) {
	s.done <- r
	return &workflowservice.RespondActivityTaskCompletedResponse{}, nil
}

// newTemporal returns the server and a client of it.
func newTemporal(t *testing.T) (*temporal, client.Client) {
	t.Helper()
	s := &temporal{
		tasks: make(chan *workflowservice.PollActivityTaskQueueResponse, 1),
		done:  make(chan *workflowservice.RespondActivityTaskCompletedRequest, 1),
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(srv, s)
	go srv.Serve(ln) // ends with the cleanup
	t.Cleanup(srv.Stop)
	c, err := client.NewLazyClient(client.Options{HostPort: ln.Addr().String(), Logger: log.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return s, c
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}

func TestATemporalActivityThatRunsEndsAndIsTold(t *testing.T) {
	s, c := newTemporal(t)
	running := make(chan struct{})
	s.tasks <- &workflowservice.PollActivityTaskQueueResponse{
		TaskToken:              []byte("token"),
		WorkflowExecution:      &commonpb.WorkflowExecution{WorkflowId: "w", RunId: "r"},
		WorkflowType:           &commonpb.WorkflowType{Name: "w"},
		ActivityType:           &commonpb.ActivityType{Name: "sort"},
		ActivityId:             "a",
		Attempt:                1,
		ScheduledTime:          timestamppb.Now(),
		StartedTime:            timestamppb.Now(),
		ScheduleToCloseTimeout: durationpb.New(time.Minute),
		StartToCloseTimeout:    durationpb.New(time.Minute),
	}
	component := heavy.Temporal(c, "queue", func(r worker.Registry) {
		r.RegisterActivityWithOptions(func(ctx context.Context) error {
			close(running)
			<-activity.GetWorkerStopChannel(ctx) // in the middle of its work when the stop begins
			return ctx.Err()
		}, activity.RegisterOptions{Name: "sort"})
	})
	report, err := runAlone(t, component, func(*graceful.Manager) { receive(t, running) })
	require.NoError(t, err)
	require.Equal(t, "stopped", report.Components[0].Outcome, "%s", report)
	require.Equal(t, "token", string(receive(t, s.done).TaskToken))
}

func TestTemporalWithoutItsServerFailsTheStart(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{
		HostPort:          closedPort(t),
		Logger:            log.NewStructuredLogger(quiet),
		ConnectionOptions: client.ConnectionOptions{GetSystemInfoTimeout: time.Second},
	})
	require.NoError(t, err)
	defer c.Close()
	_, err = runAlone(t, heavy.Temporal(c, "queue", func(worker.Registry) {}), nil)
	require.ErrorContains(t, err, "graceful: temporal: start: failed reaching server")
}
