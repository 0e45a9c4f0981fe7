package status_test

// Why one would want the page, by example.

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
	"github.com/belay-go/belay/limiter/semaphore"
)

// The page on an address of its own, stopped last so that it can be asked what
// the others wait for.
func ExampleHandler() {
	m := graceful.New(quietly())
	admin := http.NewServeMux()
	admin.Handle("/debug/belay", status.Handler(m, status.Options{}))
	m.Add(0, graceful.HTTP("admin", "127.0.0.1:0", &http.Server{Handler: admin}))
	m.Add(1, graceful.Component{
		Name:  "consumer",
		Start: func(context.Context) error { m.Stop(nil); return nil },
		Stop: func(context.Context) error { // while it stops, somebody asks
			resp, err := http.Get("http://" + m.Addr("admin").String() + "/debug/belay?format=json")
			if err != nil {
				return err
			}
			defer http.DefaultClient.CloseIdleConnections()
			defer resp.Body.Close()
			var page struct {
				State    string   `json:"state"`
				WaitsFor []string `json:"waits_for"`
			}
			err = json.NewDecoder(resp.Body).Decode(&page)
			fmt.Println(page.State, "waits for", page.WaitsFor)
			return err
		},
	})
	_, err := m.Run(context.Background())
	fmt.Println(err)
	// Output:
	// draining waits for [consumer]
	// <nil>
}

// All that can be chosen: a page for operators who may see clients, under a
// name of the company's own network, with the limits of the program.
func ExampleOptions() {
	m := graceful.New(quietly())
	uploads := semaphore.NewWeighted(10)
	uploads.TryAcquire(3)
	page := status.Handler(m, status.Options{
		Title:  "shop",
		Detail: true,
		Hosts:  []string{"shop-admin.internal"},
		Stats:  map[string]func() belay.Stats{"uploads": uploads.Stats},
	})
	for _, host := range []string{"shop-admin.internal", "evil.example"} {
		r := httptest.NewRequest("GET", "http://"+host+"/debug/belay?format=json", nil)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		var got struct {
			Stats []struct {
				Name     string `json:"name"`
				Limit    int    `json:"limit"`
				InFlight int    `json:"in_flight"`
			} `json:"stats"`
		}
		_ = json.Unmarshal(w.Body.Bytes(), &got)
		fmt.Println(w.Code, got.Stats)
	}
	// Output:
	// 200 [{uploads 10 3}]
	// 403 []
}
