package main

// The grpc methods under their limits, and the health service.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/examples/service/servicepb"
)

func TestCallsThatAreTooFastAreTurnedAway(t *testing.T) {
	s := newTestService(t, generous())
	synctest.Test(t, func(t *testing.T) {
		s.limits.set(settings{rate: 1, concurrency: 1}) // with the bubble's clock
		conn := dialInMemory(t, s)
		call := func() codes.Code {
			_, err := servicepb.NewFilesClient(conn).Sum(t.Context(), &servicepb.SumRequest{Path: "hello"})
			return status.Code(err)
		}
		require.Equal(t, codes.OK, call())
		require.Equal(t, codes.ResourceExhausted, call())
		_, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.Equal(t, codes.OK, call())
	})
}

func TestStreamsShareABoundAndCallsAndProbesDoNot(t *testing.T) {
	s := newTestService(t, settings{rate: 1000, concurrency: 1})
	conn := dial(t, s)
	client, probe := servicepb.NewFilesClient(conn), healthpb.NewHealthClient(conn)

	// A stream that has answered once holds the only place.
	echo, err := client.Echo(t.Context())
	require.NoError(t, err)
	require.NoError(t, echo.Send(&servicepb.EchoMessage{}))
	_, err = echo.Recv()
	require.NoError(t, err)
	_, err = client.Sum(t.Context(), &servicepb.SumRequest{Path: "hello"})
	require.NoError(t, err)
	second, err := client.Echo(t.Context())
	require.NoError(t, err)
	_, err = second.Recv()
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.EqualValues(t, 1, s.served.shed.Load())

	_, err = probe.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.NoError(t, echo.CloseSend())
}

func TestHealthFollowsReadiness(t *testing.T) {
	s := newTestService(t, generous())
	probe := healthpb.NewHealthClient(dial(t, s))
	ask := func(name string) healthpb.HealthCheckResponse_ServingStatus {
		answer, err := probe.Check(context.Background(), &healthpb.HealthCheckRequest{Service: name})
		require.NoError(t, err)
		return answer.GetStatus()
	}
	for _, name := range []string{"", "belay.service.v1.Files"} {
		s.setReady(false)
		require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, ask(name))
		s.setReady(true)
		require.Equal(t, healthpb.HealthCheckResponse_SERVING, ask(name))
	}
}
