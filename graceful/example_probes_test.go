package graceful_test

// Why one would want the probes, by example.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/belay-go/belay/graceful"
)

func ExampleManager_Readyz() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "db", Start: func(context.Context) error { return nil }})
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", m.Readyz)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/readyz?verbose", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 503 new
	// not up: db (phase 0)
}

func ExampleManager_Livez() {
	m := graceful.New(examples)
	m.Add(0, graceful.Component{Name: "c", Start: func(context.Context) error { m.Stop(nil); return nil }, Stop: func(context.Context) error {
		w := httptest.NewRecorder() // a supervisor asks in the middle of the stop
		m.Livez(w, httptest.NewRequest("GET", "/livez", nil))
		fmt.Println(w.Code)
		return nil
	}})
	m.Run(context.Background())
	// Output: 200
}
