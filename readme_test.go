package belay_test

// This file keeps the README and the guides in docs honest: each of their code
// blocks is the body of an example that runs, here, in the package or in another
// module, and each file that they link to exists.

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/pool"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
	"github.com/belay-go/belay/timeout"
)

var ctx = context.Background()

func Example_boundedGroup() {
	hash := func(_ context.Context, path string) error {
		data, err := os.ReadFile(path)
		_ = sha256.Sum256(data)
		return err
	}
	paths := []string{"go.mod", "no such file"}

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, path := range paths {
		g.Go(func() error { return hash(ctx, path) }) // blocks while eight run
	}
	if err := g.Wait(); err != nil {
		fmt.Println(err, "|", context.Cause(ctx) == err)
	}
	// Output: open no such file: no such file or directory | true
}

func Example_results() {
	size := func(_ context.Context, path string) (int64, error) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return min(info.Size(), 1), nil
	}
	paths := []string{"go.mod", "README.md"}

	sizes, err := errgroup.Map(ctx, errgroup.Options{Limit: 8}, paths, size)
	fmt.Println(sizes, err)
	// Output: [1 1] <nil>
}

func Example_groupThatSaysMore() {
	release := make(chan struct{})
	reindex := func(context.Context) error { <-release; return nil }

	g, ctx := errgroup.New(ctx, errgroup.Options{Name: "reindex", Limit: 8, Track: true, PanicsAsErrors: true})
	if err := g.GoContext(ctx, reindex); err != nil {
		fmt.Println("no slot before ctx ended:", err)
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if err := g.WaitContext(soon); err != nil {
		fmt.Println(g.Stats().InFlight, "still running") // err names them, and for how long
	}
	close(release)
	_ = g.Wait()
	// Output: 1 still running
}

func Example_concurrencyLimit() {
	work := func() string { return "done" }

	sem := semaphore.NewWeighted(64)
	if err := sem.Acquire(ctx, 1); err != nil {
		fmt.Println(err) // ctx ended first, and nothing is held
		return
	}
	defer sem.Release(1)
	fmt.Println(work(), sem.Stats().InFlight)
	// Output: done 1
}

func Example_rateLimit() {
	perClient := rate.NewLimiter(rate.Every(time.Second), 2)
	for range 3 {
		fmt.Println(perClient.Allow())
	}
	// Output:
	// true
	// true
	// false
}

func Example_limitPerClient() {
	clients := keyed.NewRate[string](keyed.RateOptions{Keys: 100_000, Limit: 10, Burst: 2})
	for _, client := range []string{"alice", "alice", "alice", "bob"} {
		fmt.Println(client, clients.For(client).Allow())
	}
	fmt.Println(clients.Overflow().Total, "by clients for whom the table had no room") // as in a flood of addresses
	// Output:
	// alice true
	// alice true
	// alice false
	// bob true
	// 0 by clients for whom the table had no room
}

func Example_limitThatFindsItself() {
	ask := func(context.Context) error { return context.DeadlineExceeded }

	limit := adaptive.New(adaptive.Options{Goal: 200 * time.Millisecond}) // or nothing: it finds its limit
	permit, err := limit.Take(ctx, 1)                                     // refused early, instead of served late
	if err != nil {
		fmt.Println(err)
		return
	}
	err = ask(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		permit.Drop() // says that the work was lost
	}
	permit.Release()
	fmt.Println(err, "overloaded:", limit.State().Overloaded)
	// Output: context deadline exceeded overloaded: false
}

func Example_severalLimits() {
	places, events := semaphore.NewWeighted(10), rate.NewLimiter(100, 1)
	limit := limiter.Shadow(limiter.All(places, events)) // counts whom it would refuse
	limit.Enforce(true)                                  // from now on it does
	for range 2 {
		permit, err := limit.TryTake(1)
		defer permit.Release() // once, however often it is called
		var refused *limiter.RefusedError
		if errors.As(err, &refused) {
			fmt.Println(errors.Is(err, limiter.ErrLimited), "retry in", refused.RetryAfter > 0)
		}
	}
	// Output: true retry in true
}

func Example_pool() {
	dial := func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there) // ends with the connection
		return here, nil
	}
	hangUp := func(c net.Conn) { c.Close() }

	conns := pool.New(pool.Options[net.Conn]{MaxOpen: 10, MaxLifetime: time.Hour, Open: dial, Close: hangUp})
	for range 3 {
		h, err := conns.Get(ctx)
		if err != nil {
			fmt.Println(err) // ctx ended first, or dial failed
			return
		}
		fmt.Fprintln(h.Value(), "hello")
		h.Release() // once, however often it is called; or h.Discard(), if it broke
	}
	fmt.Println(conns.Counts().Opened, "opened", conns.Close(ctx)) // waits, and names what is still out
	// Output: 1 opened <nil>
}

func Example_limitsOfHandlers() {
	limitOf := map[string]limiter.Limiter{"192.0.2.1": rate.NewLimiter(1, 1)}
	handler := http.NotFoundHandler()

	each := func(client string) limiter.Limiter { return limitOf[client] } // nil: no limit
	perClient := httplimit.PerKey(httplimit.ByAddr, each, httplimit.Options{Name: "client"})
	whole := httplimit.Shared(semaphore.NewWeighted(100), httplimit.Options{Name: "service"})
	server := &http.Server{Handler: perClient(whole(handler))}

	for range 2 {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		server.Handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header()["Retry-After"])
	}
	// Output:
	// 404 []
	// 429 [1]
}

func Example_deadline() {
	ctx, cancel := ctxutil.ShrinkNamed(ctx, "price service", 50*time.Millisecond)
	defer cancel()
	<-ctx.Done() // what a call that hangs gets to see

	err := context.Cause(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), err)
	// Output: true ctxutil: price service: timed out after 50ms, limit 50ms
}

func Example_waitWithTimeout() {
	var background timeout.WaitGroup
	release := make(chan struct{})
	background.Go(func() { <-release })

	if background.WaitTimeout(10 * time.Millisecond) {
		fmt.Println("still running:", background.Len()) // and nothing leaks
	}
	close(release)
	background.Wait()
	// Output: still running: 1
}

func Example_twoMasters() {
	request, hangUp := context.WithCancel(ctx)
	defer hangUp()
	process, stop := context.WithCancelCause(ctx)
	stop(errors.New("SIGTERM"))

	ctx, cancel := ctxutil.Merge(request, process) // the values of the request, and no goroutine
	defer cancel()
	<-ctx.Done()
	fmt.Println(ctxutil.Why(ctx))
	// Output: context canceled: SIGTERM
}

func Example_abandon() {
	release := make(chan struct{})
	lookup := func(string) (string, error) { <-release; return "", nil }

	var geo timeout.Runner // counts what is left behind, and bounds it
	city, err := timeout.Abandon(&geo, ctx, 20*time.Millisecond, func(context.Context) (string, error) {
		return lookup("192.0.2.1") // a library that takes no context
	})
	fmt.Printf("%q %v; at large: %d\n", city, err, geo.Abandoned())
	close(release)
	_ = geo.WaitContext(ctx)
	// Output: "" context deadline exceeded: ctxutil: abandon: timed out after 20ms, limit 20ms; at large: 1
}

func Example_stop() {
	var m graceful.Manager
	m.Add(1, graceful.Func("consumer", func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done() // cancelled when its turn to stop has come
		return nil
	}))
	m.Add(2, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.NotFoundHandler()}))

	go m.Stop(nil) // what SIGTERM does
	report, err := m.Run(ctx)
	fmt.Println(err, report.ExitCode())
	// Output: <nil> 0
}

func Example_restart() {
	m := graceful.New(graceful.Options{Restart: graceful.RestartOptions{Enabled: true}})
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.NotFoundHandler()}))

	go m.Stop(nil)
	report, err := m.Run(ctx)
	fmt.Println(err, report.Generation) // how many processes had its place before
	// Output: <nil> 0
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// pages are what a reader begins with. The pages of docs/mistakes have a stricter
// test of their own beside their code, in examples/mistakes.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.Contains(t, names, filepath.Join("docs", "sizing.md"))
	found := map[string]string{}
	for _, name := range append(names, "README.md", "README.zh.md") {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		found[name] = string(text)
	}
	return found
}

func TestTheReadmesCodeIsCodeThatRuns(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{
		"*_test.go", "internal/bench/dropin_test.go", "internal/bench/moving/*_test.go", "examples/guides/*_test.go",
	} {
		tests, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, tests, pattern)
		for _, path := range tests {
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			sources.WriteString(strings.ReplaceAll(string(source), "\n\t", "\n"))
		}
	}
	blocks := 0
	for name, text := range pages(t) {
		for _, block := range goBlock.FindAllStringSubmatch(text, -1) {
			blocks++
			require.Contains(t, sources.String(), block[1], name)
		}
	}
	require.Greater(t, blocks, 30)
}

func TestTheMapOfDocumentsHasEveryPage(t *testing.T) {
	all := pages(t)
	for name := range all {
		if filepath.Dir(name) == "docs" && filepath.Base(name) != "README.md" {
			require.Contains(t, all[filepath.Join("docs", "README.md")], "]("+filepath.Base(name)+")")
		}
	}
}
