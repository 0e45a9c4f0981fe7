package main

// What the http routes do once the limits have let a request in.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// httpSum answers with the digest of one file.
func (s *service) httpSum(w http.ResponseWriter, r *http.Request) error {
	name := r.FormValue("path")
	if name == "" {
		return badRequest("want ?path=")
	}
	ctx, cancel := ctxutil.ShrinkNamed(r.Context(), "disk", diskTime)
	defer cancel()
	sum, err := s.store.Sum(ctx, name)
	if err != nil {
		return err
	}
	return writeJSON(w, sum)
}

// httpTree answers with the digests of all files below a folder.
func (s *service) httpTree(w http.ResponseWriter, r *http.Request) error {
	sums, err := s.store.Tree(r.Context(), orDot(r.FormValue("dir")))
	if err != nil {
		return err
	}
	return writeJSON(w, sums)
}

// httpSearch streams the lines that contain a text as they are found.
func (s *service) httpSearch(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for matches, err := range s.store.Search(r.Context(), r.FormValue("q")) {
		if err != nil {
			return err
		}
		for _, m := range matches {
			if _, err := fmt.Fprintf(w, "%s:%d: %s\n", m.Path, m.Line, m.Text); err != nil {
				return err
			}
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
	}
	return nil
}

// httpEcho answers with the body of the request.
func (s *service) httpEcho(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return err
	}
	// Whatever the body is, no browser shall take it for a page of ours.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(body)
	return err
}

// httpSlow answers after a while: for trying out stops and timeouts. It ends
// early when the client goes.
func (s *service) httpSlow(w http.ResponseWriter, r *http.Request) error {
	d := 300 * time.Millisecond
	if v := r.FormValue("d"); v != "" {
		var err error
		if d, err = time.ParseDuration(v); err != nil || d < 0 || d > maxSlow {
			return badRequest(fmt.Sprintf("d=%s: want a duration from 0s to %v", v, maxSlow))
		}
	}
	if err := ctxutil.Sleep(r.Context(), d); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "slept %v\n", d)
	return err
}

// httpVersion says which process answers, and where its status page is.
func (s *service) httpVersion(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		PID        int    `json:"pid"`
		Generation int    `json:"generation"`
		Admin      string `json:"admin"`
	}{os.Getpid(), 1 + s.generation(), s.adminAddr()})
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

func orDot(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}
