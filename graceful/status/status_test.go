package status_test

// Who gets the page, and what it says of reports of every kind.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/graceful/status"
)

// patience bounds every wait for something real.
const patience = 60 * time.Second

func quietly() graceful.Options {
	return graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), Delay: -1}
}

// ask asks the handler under the name "localhost".
func ask(h http.Handler, method, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost:8081"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A node is an element of the page.
type node struct {
	name, id, text string // text without what is between tags alone
	all            string // the text of all in it
}

// parse fails the test unless the page is well-formed, and returns its
// elements, each after its content.
func parse(t *testing.T, html string) (nodes []node) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(html))
	var open []node
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, html)
		switch token := token.(type) {
		case xml.StartElement:
			n := node{name: token.Name.Local}
			for _, a := range token.Attr {
				require.False(t, strings.HasPrefix(a.Name.Local, "on"), "an event handler")
				require.NotEqual(t, "style", a.Name.Local, "the policy forbids it")
				if a.Name.Local == "id" {
					n.id = a.Value
				}
			}
			for i := range open {
				open[i].all += " " // what the browser shows apart
			}
			open = append(open, n)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
			for i := range open {
				open[i].all += string(token)
			}
		case xml.EndElement:
			last := len(open) - 1
			nodes = append(nodes, open[last])
			open = open[:last]
		}
	}
	require.Empty(t, open)
	return nodes
}

// section returns the text of the element with an id; "" if there is none.
func section(nodes []node, id string) string {
	for _, n := range nodes {
		if n.id == id {
			return strings.Join(strings.Fields(n.all), " ")
		}
	}
	return ""
}

func decode(t *testing.T, object string) (page map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(object), &page), object)
	return page
}

var (
	errMade = errors.New("made to fail")
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// stopping is a stop in which everything happens at once.
func stopping() graceful.Report {
	return graceful.Report{
		State: "stopping", Since: noon.Add(-12 * time.Second), Ready: true,
		Cause: &graceful.SignalError{Signal: syscall.SIGTERM},
		Ran:   26 * time.Hour, Took: 15 * time.Second, Budget: 25 * time.Second,
		Delay: 5 * time.Second, Reserve: 2450 * time.Millisecond,
		Components: []graceful.Result{
			{Name: "http", Phase: 3, Outcome: "cut", Since: noon.Add(-3 * time.Second), Limit: 10 * time.Second, Planned: 10 * time.Second, Used: 10 * time.Second,
				Detail: "cut 1 active; 192.0.2.7:4711 open for 3 s", Where: "select, 1 goroutine, main.serve shop/serve.go:7", Stacks: "1 @ select\n    main.serve shop/serve.go:7\n",
				Err: &graceful.ComponentError{Name: "http", Stage: "stop", Err: errMade}},
			{Name: "young", Phase: 2, Outcome: "stopping", Since: noon.Add(-time.Second), Planned: -1, Used: time.Second},
			{Name: "consumer", Phase: 2, Outcome: "stopping", Since: noon.Add(-3 * time.Second), Planned: 7 * time.Second, Used: 3 * time.Second,
				Where: "chan send, 1 goroutine, main.(*consumer).flush shop/consumer.go:41"},
			{Name: "old", Phase: 2, Outcome: "stuck", Since: noon.Add(-2 * time.Second), Planned: time.Second, Used: 1100 * time.Millisecond, Where: "mutex, 2 goroutines, main.lock shop/lock.go:1"},
			{Name: "db", Phase: 1, Outcome: "up", Since: noon.Add(-26 * time.Hour)},
		},
	}
}

func TestThePageTellsFirstWhatHoldsTheStopUp(t *testing.T) {
	html, object := status.Render(status.Options{Title: "shop"}, stopping(), nil, noon)
	nodes := parse(t, html)
	require.Equal(t, "Waiting for "+
		"old stuck for 1.1 s of 1 s mutex, 2 goroutines, main.lock shop/lock.go:1 "+
		"consumer stopping for 3 s of 7 s chan send, 1 goroutine, main.(*consumer).flush shop/consumer.go:41 "+
		"young stopping for 1 s", section(nodes, "waits-for"))
	require.Equal(t, "Not as it should be http cut for 10 s of 10 s select, 1 goroutine, main.serve shop/serve.go:7 "+
		"graceful: http: stop: made to fail", section(nodes, "failures"))
	require.Less(t, strings.Index(html, `id="waits-for"`), strings.Index(html, `id="components"`))
	require.Equal(t, "Components in the order in which they stop name is for its stop took limit "+
		"phase 3 http cut 3 s 10 s of 10 s 10 s "+
		"phase 2 young stopping 1 s 1 s none consumer stopping 3 s 3 s of 7 s none old stuck 2 s 1.1 s of 1 s none "+
		"phase 1 db up 1 d 2 h none "+
		"A stop may take 25 s; 2.4 s of that are kept for each phase whose turn is yet to come; after SIGTERM it begins with 5 s of serving on.",
		section(nodes, "components"))
	body := section(slices.Concat(nodes, []node{{id: "all", all: html}}), "all")
	require.Contains(t, body, "15 s of 25 s used, because of: <strong>graceful: signal: terminated</strong>")
	require.Contains(t, body, "<title>stopping: shop</title>")
	require.Contains(t, body, `<progress max="100" value="60">`)

	page := decode(t, object)
	require.Equal(t, []any{"old", "consumer", "young"}, page["waits_for"])
	require.Equal(t, "graceful: signal: terminated", page["cause"])
	require.Equal(t, "2026-03-01T11:59:48.000Z", page["since"])
	require.EqualValues(t, 15, page["took_seconds"])
	require.EqualValues(t, 3, page["exit_code"])
	require.Equal(t, map[string]any{"total_seconds": 25.0, "delay_seconds": 5.0, "reserve_seconds": 2.45}, page["budget"])
	require.Equal(t, map[string]any{
		"name": "consumer", "phase": 2.0, "outcome": "stopping", "since": "2026-03-01T11:59:57.000Z", "age_seconds": 3.0,
		"limit_seconds": -1.0, "planned_seconds": 7.0, "used_seconds": 3.0,
		"where": "chan send, 1 goroutine, main.(*consumer).flush shop/consumer.go:41",
	}, page["components"].([]any)[2])
	require.EqualValues(t, -1, page["components"].([]any)[1].(map[string]any)["planned_seconds"])
}

// The words that every state and outcome has on the page.
func TestEveryStateIsTold(t *testing.T) {
	one := func(outcome string) []graceful.Result {
		return []graceful.Result{{Name: "c", Outcome: outcome, Since: noon.Add(-time.Minute)}}
	}
	at := noon.Add(-time.Hour)
	for name, c := range map[string]struct {
		rep  graceful.Report
		tone string
		want string
	}{
		"new":        {graceful.Report{State: "new", Budget: time.Second}, "plain", "not running yet"},
		"starting":   {graceful.Report{State: "starting", Since: at, Components: one("starting")}, "wait", "for 1 h, since 2026-03-01 11:00:00 UTC Waiting for c starting for 1 min"},
		"ready":      {graceful.Report{State: "ready", Since: at, Components: one("up")}, "good", "for 1 h, since 2026-03-01 11:00:00 UTC Components"},
		"serving on": {graceful.Report{State: "pre-stop", Since: at, Cause: errMade, Took: time.Second, Budget: -1, Components: one("up")}, "wait", "1 s used, because of: made to fail Everything serves on: no component has begun to stop. Components"},
		"hook":       {graceful.Report{State: "pre-stop", Since: at, Cause: errMade, Took: time.Second, Budget: -1, Components: one("pre-stop")}, "wait", "made to fail Waiting for c pre-stop for 0 s"},
		"draining":   {graceful.Report{State: "draining", Since: at, Cause: errMade, Took: time.Second, Budget: time.Minute, Components: one("ended")}, "wait", "1 s of 1 min used"},
		"forced":     {graceful.Report{State: "stopping", Since: at, Cause: errMade, Forced: os.Interrupt, Components: one("stopped")}, "wait", "made to fail, forced by interrupt"},
		"done":       {graceful.Report{State: "done", Since: at, Cause: errMade, Took: time.Second, Budget: time.Minute, Components: one("stopped")}, "plain", "ended at 2026-03-01 11:00:00 UTC after 1 s of 1 min, exit code 0, because of: made to fail Components"},
		"stuck":      {graceful.Report{State: "done", Since: at, Cause: errMade, Components: one("stuck")}, "bad", "exit code 3, because of: made to fail Left behind c stuck"},
		"killed":     {graceful.Report{State: "done", Since: at, Cause: errMade, Forced: syscall.SIGTERM, Components: one("stopped")}, "bad", "exit code 143"},
		"failed":     {graceful.Report{State: "ready", Since: at, Components: []graceful.Result{{Name: "c", Outcome: "failed", Since: at, Used: time.Second, Planned: time.Minute}}}, "bad", "Not as it should be c failed Components"},
	} {
		t.Run(name, func(t *testing.T) {
			html, _ := status.Render(status.Options{Title: "shop"}, c.rep, nil, noon)
			all := ""
			for _, n := range parse(t, html) {
				if n.name == "body" {
					all = strings.Join(strings.Fields(n.all), " ")
				}
			}
			require.Contains(t, all, "shop "+c.rep.State+" ")
			require.Contains(t, all, c.want)
			if name == "done" {
				require.Contains(t, all, " up 1 h, ", "the process goes on")
			}
			require.Contains(t, html, fmt.Sprintf("<b class=%q>%s</b></h1>", c.tone, c.rep.State))
		})
	}
}

func TestNothingThatOthersHaveWrittenIsMarkup(t *testing.T) {
	const evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{.}}\x00\x01\u202e]]>\xff"
	rep := stopping()
	rep.Cause = errors.New(evil)
	for i := range rep.Components {
		c := &rep.Components[i]
		c.Name, c.Where, c.Detail, c.Stacks, c.Err = evil+c.Name, evil, evil, evil, errors.New(evil)
	}
	opts := status.Options{Title: evil, Detail: true, Stats: map[string]func() belay.Stats{evil: func() (s belay.Stats) {
		s.WaitTime.Observe(0)
		return s
	}}}
	conns := []graceful.Conn{{Component: evil, State: "new", Remote: evil}}
	html, object := status.Render(opts, rep, conns, noon)
	seen := 0
	for _, n := range parse(t, html) {
		require.NotContains(t, []string{"script", "img", "a b"}, n.name)
		seen += strings.Count(n.text, "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{.}}")
		require.NotContains(t, n.text, "\u202e")
	}
	require.Equal(t, 5*5+4+1+2+3+2, seen) // components, the names of four boxes, cause, title, connections, stats
	page := decode(t, object)
	require.Contains(t, page["title"], "<script>alert(1)</script>")
	require.NotContains(t, object, "<script>", "escaped in the JSON too, whatever takes it for HTML")
}

// What tells of clients and of code is for those who asked for it.
func TestDetailIsHiddenUnlessAskedFor(t *testing.T) {
	again := &belay.PanicError{Value: "first", Stack: []byte("goroutine 7:\nmain.deep()\n")}
	var raised error
	func() {
		defer func() { raised = recover().(error) }()
		again.Repanic()
	}()
	rep := stopping()
	rep.Components[4].Outcome = "panicked"
	rep.Components[4].Err = errors.Join(&graceful.ComponentError{Name: "db", Stage: "run", Err: &belay.PanicError{Value: raised, Stack: []byte("goroutine 9:\nmain.outer()\n")}}, errors.New("another, joined to it"))
	conns := []graceful.Conn{{Component: "http", State: "active", Remote: "192.0.2.8:99", Age: time.Second}}
	secrets := []string{"192.0.2.7", "192.0.2.8", "main.serve shop/serve.go:7\\n", "main.deep", "main.outer", "goroutine 7", "stacks"}
	for _, detail := range []bool{false, true} {
		html, object := status.Render(status.Options{Detail: detail}, rep, conns, noon)
		for _, secret := range secrets {
			for form, text := range map[string]string{"html": strings.ReplaceAll(html, "\n", `\n`), "json": object} {
				if detail {
					require.Contains(t, text, secret, form)
				} else {
					require.NotContains(t, text, secret, form)
				}
			}
		}
		for _, text := range []string{html, object} {
			require.Contains(t, text, "graceful: db: run: belay: panic: belay: panic: first")
			require.Contains(t, text, "another, joined to it")
			require.Contains(t, text, "main.serve shop/serve.go:7", "the line itself is always there")
		}
		parse(t, html)
	}
}

func TestLongTextsAreCutAndManyConnectionsCounted(t *testing.T) {
	rep := stopping()
	rep.Components[0].Err = errors.New(strings.Repeat("long line\n", 10_000))
	rep.Components[1].Err = errors.New(strings.Repeat("ä", 10_000))
	var conns []graceful.Conn
	for i := range 150 {
		state := "idle"
		if i%3 == 0 {
			state = "active"
		}
		conns = append(conns, graceful.Conn{Component: "b", State: state, Remote: fmt.Sprint("client", i), Age: time.Duration(150-i) * time.Second})
	}
	conns = append(conns, graceful.Conn{Component: "a", State: "new", Remote: "oldest", Age: time.Hour})
	html, object := status.Render(status.Options{Detail: true}, rep, conns, noon)
	require.Less(t, len(object), 64<<10)
	nodes := parse(t, html)
	require.Contains(t, section(nodes, "connections"), "Connections 151 open server state connections median age oldest "+
		"b active 50 1 min 15 s 2 min 30 s b idle 100 1 min 14 s 2 min 29 s a new 1 1 h 1 h "+
		"the oldest; 51 more are not listed client server state age oldest a new 1 h client0 b active 2 min 30 s client1 b idle")
	list := decode(t, object)["connections"].(map[string]any)
	require.Len(t, list["list"], status.MostConns)
	require.EqualValues(t, 151, list["total"])
	require.Equal(t, map[string]any{"component": "b", "state": "active", "count": 50.0, "oldest_seconds": 150.0, "median_seconds": 75.0}, list["states"].([]any)[0])
}

func TestStatsAreATableWithTheWaitsAsBars(t *testing.T) {
	full := belay.Stats{Limit: 64, InFlight: 3, Waiting: 2, Total: 100, Waited: 14, Refused: 5, Cancelled: 4, Failed: 6, Panicked: 7, Skipped: 8}
	for range 30 {
		full.WaitTime.Observe(100 * time.Microsecond)
	}
	full.WaitTime.Observe(2 * time.Millisecond)
	full.WaitTime.Observe(1000 * time.Hour)
	stats := func(s belay.Stats) func() belay.Stats { return func() belay.Stats { return s } }
	opts := status.Options{Stats: map[string]func() belay.Stats{"z": stats(full), "group": stats(belay.Stats{Limit: -1, InFlight: 1}), "rate": stats(belay.Stats{Total: 9})}}
	html, object := status.Render(opts, stopping(), nil, noon)
	nodes := parse(t, html)
	require.Equal(t, "Limits and groups name limit in flight waiting total waited refused cancelled failed panicked skipped "+
		"group none 1 0 0 0 0 0 0 0 0 rate - 0 0 9 0 0 0 0 0 0 z 64 3 2 100 14 5 4 6 7 8 "+
		"how long those waited that had to, at z: 41 d 16 h in all "+
		"< 256µs 30 ############################## < 1ms 0 < 4ms 1 # < 16ms 0 < 65ms 0 < 262ms 0 < 1s 0 < 4s 0 < 16s 0 < 67s 0 < 268s 0 more 1 #",
		section(nodes, "stats"))
	all := decode(t, object)["stats"].([]any)
	require.NotContains(t, all[0], "waits")
	require.EqualValues(t, -1, all[0].(map[string]any)["limit"])
	z := all[2].(map[string]any)
	waits := z["waits"].([]any)
	require.Len(t, waits, belay.WaitBuckets)
	require.Equal(t, map[string]any{"below_seconds": 0.000256, "count": 30.0}, waits[4])
	require.Equal(t, map[string]any{"below_seconds": -1.0, "count": 1.0}, waits[15])
	delete(z, "waits")
	require.Equal(t, map[string]any{"name": "z", "limit": 64.0, "in_flight": 3.0, "waiting": 2.0, "total": 100.0, "waited": 14.0, "refused": 5.0,
		"cancelled": 4.0, "failed": 6.0, "panicked": 7.0, "skipped": 8.0, "wait_sum_seconds": 3600000.005}, z)
}

// Tools read the keys, so they stay.
func TestTheKeysOfTheJSONStay(t *testing.T) {
	rep := stopping()
	rep.Forced = os.Interrupt
	s := belay.Stats{}
	s.WaitTime.Observe(1)
	_, object := status.Render(status.Options{Detail: true, Stats: map[string]func() belay.Stats{"s": func() belay.Stats { return s }}},
		rep, []graceful.Conn{{State: "new"}}, noon)
	var paths func(prefix string, value any) []string
	paths = func(prefix string, value any) (found []string) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				found = append(found, paths(prefix+"."+key, inner)...)
			}
		case []any:
			for _, inner := range value {
				found = append(found, paths(prefix+"[]", inner)...)
			}
		default:
			found = append(found, strings.TrimPrefix(prefix, "."))
		}
		return found
	}
	got := paths("", decode(t, object))
	slices.Sort(got)
	require.Equal(t, strings.Fields(`budget.delay_seconds budget.reserve_seconds budget.total_seconds cause
		components[].age_seconds components[].detail components[].error components[].limit_seconds components[].name components[].outcome
		components[].phase components[].planned_seconds components[].since components[].stacks components[].used_seconds components[].where
		connections.list[].age_seconds connections.list[].component connections.list[].remote connections.list[].state
		connections.states[].component connections.states[].count connections.states[].median_seconds connections.states[].oldest_seconds connections.states[].state
		connections.total exit_code forced_by has_been_ready
		process.go process.goroutines process.host process.module process.pid process.uptime_seconds process.version
		ran_seconds since state stats[].cancelled stats[].failed stats[].in_flight stats[].limit stats[].name stats[].panicked
		stats[].refused stats[].skipped stats[].total stats[].wait_sum_seconds stats[].waited stats[].waiting stats[].waits[].below_seconds stats[].waits[].count
		time title took_seconds waits_for[]`), slices.Compact(got))

	// What is empty is an empty list, and not null.
	_, object = status.Render(status.Options{}, graceful.Report{State: "new"}, nil, noon)
	require.NotContains(t, object, "null")
}

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "any", 0: "0 s", 1500: "1 µs", 1500 * time.Microsecond: "1 ms", time.Second: "1 s", 59990 * time.Millisecond: "59.9 s",
		time.Minute: "1 min", 61 * time.Second: "1 min 1 s", 3599 * time.Second: "59 min 59 s", 3 * time.Hour: "3 h",
		23*time.Hour + 59*time.Minute: "23 h 59 min", 50 * time.Hour: "2 d 2 h",
	} {
		require.Equal(t, want, status.Text(d))
	}
}

func TestOnlyTheRightHostsAreAnswered(t *testing.T) {
	h := status.Handler(graceful.New(quietly()), status.Options{Hosts: []string{"Admin.Example:8081", "münchen.example."}})
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST:8081": true, "localhost.:80": true, "127.0.0.1": true, "127.0.0.1:8081": true,
		"10.1.2.3:80": true, "[::1]": true, "[::1]:8081": true, "[fe80::1%25eth0]:80": true, "::1": true,
		"admin.example": true, "ADMIN.example:99": true, "admin.example.": true, "münchen.example": true,

		"": false, "evil.example": false, "localhost.evil.example": false, "evil.localhost": false, "admin.example.evil": false,
		"127.0.0.1.evil.example": false, "127.1": false, "0x7f000001": false, "2130706433": false, "localhost:80:80": false,
		"[localhost]": true, "[evil.example]:80": false, ":8081": false, "127.0.0.1@evil.example": false, "evil.example#127.0.0.1": false,
	} {
		r := httptest.NewRequest("GET", "/debug/belay", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if ok {
			require.Equal(t, 200, w.Code, host)
			continue
		}
		require.Equal(t, 403, w.Code, host)
		require.Contains(t, w.Body.String(), "status.Options.Hosts")
		require.NotContains(t, w.Body.String(), "Components")
	}
}

func TestEveryAnswerForbidsWhatABrowserCouldDoWithIt(t *testing.T) {
	h := status.Handler(graceful.New(quietly()), status.Options{})
	for target, code := range map[string]int{"/": 200, "/debug/belay/?format=html": 200, "/?format=json": 200, "/?format=xml": 400, "/?stacks": 403, "/?format=json&stacks=1": 403} {
		for _, method := range []string{"GET", "HEAD"} {
			w := ask(h, method, target)
			require.Equal(t, code, w.Code, target)
			head := w.Header()
			require.Equal(t, "no-store", head.Get("Cache-Control"))
			require.Equal(t, "nosniff", head.Get("X-Content-Type-Options"))
			require.Equal(t, "no-referrer", head.Get("Referrer-Policy"))
			require.Equal(t, "same-origin", head.Get("Cross-Origin-Resource-Policy"))
			require.Contains(t, head.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
			require.Contains(t, head.Get("Content-Security-Policy"), "frame-ancestors 'none'")
			kind := "text/plain; charset=utf-8"
			if code == 200 {
				kind = "text/html; charset=utf-8"
			}
			if target == "/?format=json" {
				kind = "application/json"
			}
			require.Equal(t, kind, head.Get("Content-Type"))
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"} {
		w := ask(h, method, "/")
		require.Equal(t, 405, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	// The style is the one that the policy lets through.
	w := ask(h, "GET", "/")
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	require.NotEmpty(t, style)
	sum := sha256.Sum256([]byte(style))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	for _, word := range []string{"<script", "<link", "<img", "<form", "<iframe", "url(", "@import", "http:", "https:", "//"} {
		require.NotContains(t, w.Body.String(), word)
	}
}

func TestHeadHasTheHeadOfGet(t *testing.T) {
	server := httptest.NewServer(status.Handler(graceful.New(quietly()), status.Options{}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, query := range []string{"", "?format=json"} {
		head, err := http.Head(server.URL + query)
		require.NoError(t, err)
		body, err := io.ReadAll(head.Body)
		require.NoError(t, err)
		require.NoError(t, head.Body.Close())
		require.Empty(t, body)
		require.Equal(t, 200, head.StatusCode)
		require.Positive(t, head.ContentLength)
		get, err := http.Get(server.URL + query)
		require.NoError(t, err)
		body, err = io.ReadAll(get.Body)
		require.NoError(t, err)
		require.NoError(t, get.Body.Close())
		require.EqualValues(t, len(body), get.ContentLength)
		require.Equal(t, head.Header.Get("Content-Type"), get.Header.Get("Content-Type"))
	}
}

func TestTheHandlerKeepsItsOptions(t *testing.T) {
	opts := status.Options{Hosts: []string{"a.example"}, Stats: map[string]func() belay.Stats{"a": func() belay.Stats { return belay.Stats{} }}}
	h := status.Handler(graceful.New(quietly()), opts)
	opts.Stats["b"], opts.Stats["a"], opts.Hosts[0] = nil, nil, "b.example"
	require.Equal(t, 200, ask(h, "GET", "/").Code)
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "a.example"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	require.NotContains(t, section(parse(t, w.Body.String()), "stats"), " b ")
	require.Contains(t, w.Body.String(), "<title>new: status.test</title>", "the program's name")
}
