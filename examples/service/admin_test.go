package main

// The status page: that its numbers are those of the service.

import (
	"encoding/json"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestTheStatusPageTellsWhatTheServiceDid(t *testing.T) {
	s := newTestService(t, generous())
	s.setReady(true)
	synctest.Test(t, func(t *testing.T) { // so that no time passes
		s.limits.set(settings{rate: 2, concurrency: 3})
		for range 3 {
			get(s.routes(), "/slow?d=11s") // two bad requests, one too many
		}
	})
	h := s.adminRoutes()
	var st state
	require.NoError(t, json.Unmarshal(get(h, "/debug/belay").Body.Bytes(), &st))
	require.True(t, st.Ready)
	require.EqualValues(t, 3, st.Requests)
	require.EqualValues(t, 1, st.Shed)
	require.EqualValues(t, 0, st.InFlight)
	require.Equal(t, 2, st.Rate)
	require.Equal(t, 3, st.Concurrency)
	require.Positive(t, st.Goroutines)
	require.Positive(t, st.Memory)
	if runtime.GOOS == "linux" {
		require.Positive(t, st.Descriptors)
	} else {
		require.NotZero(t, st.Descriptors)
	}

	metrics := get(h, "/metrics").Body.String()
	require.Contains(t, metrics, "\nservice_requests_total 3\n")
	require.Contains(t, metrics, "# TYPE service_in_flight gauge\n")
	require.Contains(t, get(h, "/").Body.String(), "requests    3 (0 in flight, 0 waiting, 1 shed, 0 failed)")
	require.Contains(t, get(h, "/version").Body.String(), `"pid"`)
	require.Equal(t, 404, get(h, "/nothing").Code)
}
