// Stream looks links up in parallel, and has the answers in the order of the
// page that they stand on; then it looks for the first dead one, and stops there.
//
// Look at what there isn't: no channel, no WaitGroup, no index into a slice of
// results, and no goroutine that goes on when the loop is left.
//
// It prints:
//
//	/about 200
//	/blog 200
//	/old 404
//	/contact 200
//	dead: /old, asked for less than all 1000: true
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/belay-go/belay/errgroup"
)

// status asks for a page. Its ctx ends when another one has failed, or when
// nobody wants its answer any more.
func status(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

type link struct {
	path   string
	status int
}

func main() {
	var asked atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/old" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer site.Close()
	ctx := context.Background()
	options := errgroup.Options{Name: "links", Limit: 3}
	lookUp := func(ctx context.Context, path string) (link, error) {
		code, err := status(ctx, site.URL+path)
		return link{path, code}, err
	}

	// All of a slice, and all of the results, or the first error: Map.
	page := []string{"/about", "/blog", "/old", "/contact"}
	links, err := errgroup.Map(ctx, options, page, lookUp)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range links {
		fmt.Println(l.path, l.status)
	}

	// A sequence that is long, or has no end, and results as they come: Stream.
	// It runs ahead of the loop by no more than a few tasks.
	asked.Store(0)
	crawl := func(yield func(string) bool) {
		for i := range 1000 {
			path := fmt.Sprintf("/page/%d", i)
			if i == 100 {
				path = "/old"
			}
			if !yield(path) {
				return
			}
		}
	}
	for l, err := range errgroup.Stream(ctx, options, crawl, lookUp) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if l.status != http.StatusOK {
			fmt.Printf("dead: %s, ", l.path)
			break // cancels what still runs, and waits for it
		}
	}
	fmt.Println("asked for less than all 1000:", asked.Load() < 500)
}
