package main

// The status page: that its numbers are those of the service.

import (
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
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
	require.NoError(t, json.Unmarshal(get(h, "/state").Body.Bytes(), &st))
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
	require.Contains(t, metrics, "\nbelay_granted_total{name=\"client rates\"} 2\n")
	require.Contains(t, metrics, "\nbelay_refused_total{name=\"client rates\"} 1\n")
	require.Contains(t, metrics, "\nbelay_limit{name=\"requests\"} 3\n")
	require.NotContains(t, metrics, "belay_ready", "without a manager")
	require.Contains(t, get(h, "/").Body.String(), "requests    3 (0 in flight, 0 waiting, 1 shed, 0 failed)")
	require.Contains(t, get(h, "/version").Body.String(), `"pid"`)
	require.Equal(t, 404, get(h, "/nothing").Code)
	require.Equal(t, 404, get(h, "/debug/belay").Code, "without a manager")
}

func TestThePageShowsTheManagerAndTheLimits(t *testing.T) {
	s := newTestService(t, generous())
	m := graceful.New(graceful.Options{})
	s.manager, s.page = m, s.managerPage(m)
	s.addTo(m)
	synctest.Test(t, func(t *testing.T) { // so that no time passes
		s.limits.set(settings{rate: 2, concurrency: 3})
		for range 3 {
			get(s.routes(), "/slow?d=11s") // two bad requests, one too many
		}
	})
	ask := func(target, host string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", target, nil)
		r.Host = host
		return do(s.adminRoutes(), r)
	}
	var page struct {
		State      string `json:"state"`
		Components []struct {
			Name    string `json:"name"`
			Outcome string `json:"outcome"`
		} `json:"components"`
		Stats []struct {
			Name    string `json:"name"`
			Limit   int    `json:"limit"`
			Total   int    `json:"total"`
			Refused int    `json:"refused"`
		} `json:"stats"`
	}
	require.NoError(t, json.Unmarshal(ask("/debug/belay?format=json", "127.0.0.1:8081").Body.Bytes(), &page))
	require.Equal(t, "new", page.State)
	var names []string
	for _, c := range page.Components {
		names = append(names, c.Name)
		require.Equal(t, "never started", c.Outcome)
	}
	require.Equal(t, []string{"http", "grpc", "signals", "digest", "admin"}, names)
	require.Equal(t, "client rates", page.Stats[0].Name)
	require.Equal(t, 2, page.Stats[0].Total)
	require.Equal(t, 1, page.Stats[0].Refused)
	require.Equal(t, "client rates overflow", page.Stats[1].Name)
	require.Zero(t, page.Stats[1].Total)
	require.Equal(t, "requests", page.Stats[2].Name)
	require.Equal(t, 3, page.Stats[2].Limit)
	require.Equal(t, "streams", page.Stats[3].Name)
	require.Equal(t, 3, page.Stats[3].Limit)
	require.Equal(t, 2, page.Stats[3].Total, "of what only waits, too")

	metrics := ask("/metrics", "127.0.0.1:8081").Body.String()
	require.Contains(t, metrics, "\nbelay_ready 0\n")
	require.Contains(t, metrics, "\nbelay_component_up{name=\"digest\"} 0\n")

	require.Contains(t, ask("/debug/belay", "localhost").Body.String(), "<title>new: belay example service</title>")
	require.Equal(t, 403, ask("/debug/belay", "evil.example").Code)
	require.Equal(t, 404, get(s.routes(), "/debug/belay").Code, "where clients are")
}
