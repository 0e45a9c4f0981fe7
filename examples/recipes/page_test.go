package recipes_test

// This file shows a pool and the rates of clients on the status page.

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/pool"
)

func Example_limitsOnTheStatusPage() {
	dial := func(context.Context) (net.Conn, error) { here, _ := net.Pipe(); return here, nil }
	conns := pool.New(pool.Options[net.Conn]{MaxOpen: 10, Open: dial, Close: func(c net.Conn) { c.Close() }})
	clients := keyed.NewRate[string](keyed.RateOptions{Keys: 1000, Limit: 0.001, Burst: 2})
	m := graceful.New(graceful.Options{})
	page := status.Handler(m, status.Options{Stats: map[string]func() belay.Stats{
		"clients":     clients.Stats,
		"clients new": clients.Overflow, // for whom the table had no room
		"database":    conns.Stats,
	}})

	h, err := conns.Get(context.Background())
	fmt.Println(err)
	for range 3 {
		clients.For("192.0.2.1").Allow()
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/debug/belay?format=json", nil)
	r.Host = "localhost"
	page.ServeHTTP(w, r)
	var shown struct {
		Stats []struct {
			Name     string
			Limit    int
			InFlight int `json:"in_flight"`
			Total    int
			Refused  int
		}
	}
	fmt.Println(json.Unmarshal(w.Body.Bytes(), &shown))
	for _, s := range shown.Stats {
		fmt.Printf("%+v\n", s)
	}
	h.Release()
	fmt.Println(conns.Close(context.Background()))
	// Output:
	// <nil>
	// <nil>
	// {Name:clients Limit:0 InFlight:0 Total:2 Refused:1}
	// {Name:clients new Limit:0 InFlight:0 Total:0 Refused:0}
	// {Name:database Limit:10 InFlight:1 Total:1 Refused:0}
	// <nil>
}
