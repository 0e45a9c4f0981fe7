package status

// What the page says, collected at one moment: as the keys of the JSON, and for
// the template.

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
)

const (
	// mostConns is how many connections are listed one by one.
	mostConns = 100
	// mostText bounds what one error or remark says, in bytes.
	mostText = 4 << 10
)

// A page is all that is shown. What is empty without Detail is left out.
type page struct {
	Title      string      `json:"title"`
	Time       stamp       `json:"time"`
	State      string      `json:"state"`
	Since      stamp       `json:"since,omitzero"`
	Ready      bool        `json:"has_been_ready"`
	Cause      string      `json:"cause,omitempty"`
	Forced     string      `json:"forced_by,omitempty"`
	ExitCode   int         `json:"exit_code"` // as far as it is known
	Ran        seconds     `json:"ran_seconds"`
	Took       seconds     `json:"took_seconds"`
	Budget     budget      `json:"budget"`
	WaitsFor   []string    `json:"waits_for"`  // names: those that are stuck first, then the oldest
	Components []component `json:"components"` // in the order in which they stop
	Conns      conns       `json:"connections"`
	Stats      []stats     `json:"stats"`
	Process    process     `json:"process"`

	Detail bool `json:"-"`
	Looked bool `json:"-"` // at the goroutines, just now
}

type budget struct {
	Total   seconds `json:"total_seconds"`
	Delay   seconds `json:"delay_seconds"`
	Reserve seconds `json:"reserve_seconds"` // for each phase yet to come
}

type component struct {
	Name    string  `json:"name"`
	Phase   int     `json:"phase"`
	Outcome string  `json:"outcome"`
	Since   stamp   `json:"since,omitzero"`
	Age     seconds `json:"age_seconds"` // since then
	Limit   seconds `json:"limit_seconds"`
	Planned seconds `json:"planned_seconds"`
	Used    seconds `json:"used_seconds"`
	Error   string  `json:"error,omitempty"`
	Where   string  `json:"where,omitempty"`
	Detail  string  `json:"detail,omitempty"`
	Stacks  string  `json:"stacks,omitempty"`
}

type conns struct {
	Total  int         `json:"total"`
	States []connState `json:"states"`
	List   []conn      `json:"list,omitempty"` // the oldest
}

type connState struct {
	Component string  `json:"component"`
	State     string  `json:"state"`
	Count     int     `json:"count"`
	Oldest    seconds `json:"oldest_seconds"`
	Median    seconds `json:"median_seconds"`
}

type conn struct {
	Component string  `json:"component"`
	State     string  `json:"state"`
	Remote    string  `json:"remote"`
	Age       seconds `json:"age_seconds"`
}

// stats are a belay.Stats under its name.
type stats struct {
	Name      string   `json:"name"`
	Limit     int64    `json:"limit"`
	InFlight  int64    `json:"in_flight"`
	Waiting   int64    `json:"waiting"`
	Total     uint64   `json:"total"`
	Waited    uint64   `json:"waited"`
	Refused   uint64   `json:"refused"`
	Cancelled uint64   `json:"cancelled"`
	Failed    uint64   `json:"failed"`
	Panicked  uint64   `json:"panicked"`
	Skipped   uint64   `json:"skipped"`
	WaitSum   seconds  `json:"wait_sum_seconds"`
	Waits     []bucket `json:"waits,omitempty"` // none before the first wait
}

// A bucket counts the waits shorter than Below and not shorter than that of the
// bucket before; the last one has no bound.
type bucket struct {
	Below seconds `json:"below_seconds"`
	Count uint64  `json:"count"`
}

type process struct {
	PID        int     `json:"pid"`
	Host       string  `json:"host"`
	Uptime     seconds `json:"uptime_seconds"` // since Run began
	Goroutines int     `json:"goroutines"`
	Go         string  `json:"go"`
	Module     string  `json:"module"`
	Version    string  `json:"version"`
}

// look collects the page.
func (h *handler) look(stacks bool) page {
	rep := h.m.Report
	if stacks {
		rep = h.m.Inspect
	}
	p := h.of(rep(), time.Now())
	p.Looked = stacks
	p.Conns = h.conns(h.m.Conns())
	p.Stats = []stats{}
	for _, name := range h.names {
		p.Stats = append(p.Stats, statsOf(name, h.stats[name]()))
	}
	return p
}

// of returns the page without connections and Stats.
func (h *handler) of(rep graceful.Report, now time.Time) page {
	p := page{
		Title: h.title, Detail: h.detail,
		Time: stamp(now), State: rep.State, Since: stamp(rep.Since),
		Ready: rep.Ready, Cause: text(rep.Cause, h.detail), ExitCode: rep.ExitCode(),
		Ran: seconds(rep.Ran), Took: seconds(rep.Took),
		Budget:     budget{seconds(rep.Budget), seconds(rep.Delay), seconds(rep.Reserve)},
		Components: []component{},
		Process:    processOf(rep, now),
	}
	if rep.Forced != nil {
		p.Forced = rep.Forced.String()
	}
	for _, res := range rep.Components {
		p.Components = append(p.Components, h.component(res, now))
	}
	p.WaitsFor = waitsFor(p.Components)
	return p
}

func (h *handler) component(res graceful.Result, now time.Time) component {
	c := component{
		Name: res.Name, Phase: res.Phase, Outcome: res.Outcome, Since: stamp(res.Since),
		Limit: seconds(res.Limit), Planned: seconds(res.Planned), Used: seconds(res.Used),
		Error: text(res.Err, h.detail), Where: res.Where,
	}
	if res.Limit == 0 {
		c.Limit = -1
	}
	if !res.Since.IsZero() {
		c.Age = seconds(max(0, now.Sub(res.Since)))
	}
	if h.detail {
		c.Detail, c.Stacks = shorten(res.Detail), res.Stacks
		var panicked *belay.PanicError
		if c.Stacks == "" && errors.As(res.Err, &panicked) {
			c.Stacks = shorten(string(panicked.Stack))
		}
	}
	return c
}

// waitsFor names what holds a start or a stop up.
func waitsFor(all []component) []string {
	var held []component
	for _, c := range all {
		if c.Holds() {
			held = append(held, c)
		}
	}
	slices.SortStableFunc(held, func(a, b component) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.Age, a.Age))
	})
	names := []string{}
	for _, c := range held {
		names = append(names, c.Name)
	}
	return names
}

func order(c component) int {
	if c.Outcome == "stuck" {
		return 0
	}
	return 1
}

// text is what an error says. Where stacks are not to be shown, it says it
// without: a panic that was raised again carries the first one's stack below an
// empty line.
func text(err error, detail bool) string {
	switch joined, ok := err.(interface{ Unwrap() []error }); {
	case err == nil:
		return ""
	case detail:
		return shorten(err.Error())
	case ok && len(joined.Unwrap()) > 0:
		var lines []string
		for _, err := range joined.Unwrap() {
			lines = append(lines, text(err, detail))
		}
		return shorten(strings.Join(lines, "\n"))
	}
	line, _, _ := strings.Cut(err.Error(), "\n\n")
	return shorten(line)
}

// shorten bounds a text, at the end of a line if there is one.
func shorten(text string) string {
	if len(text) <= mostText {
		return text
	}
	text = text[:mostText]
	if i := strings.LastIndexByte(text, '\n'); i > 0 {
		text = text[:i]
	}
	return strings.ToValidUTF8(text, "") + " ..."
}

// conns counts connections by server and state; they come oldest first.
func (h *handler) conns(all []graceful.Conn) conns {
	found := conns{Total: len(all), States: []connState{}}
	type key struct{ component, state string }
	ages := map[key][]time.Duration{}
	var keys []key
	for _, c := range all {
		k := key{c.Component, c.State}
		if ages[k] == nil {
			keys = append(keys, k)
		}
		ages[k] = append(ages[k], c.Age)
	}
	for _, k := range keys {
		of := ages[k]
		found.States = append(found.States, connState{k.component, k.state, len(of), seconds(of[0]), seconds(of[len(of)/2])})
	}
	slices.SortStableFunc(found.States, func(a, b connState) int {
		if a.Component != b.Component {
			return 0 // as they came
		}
		return cmp.Compare(a.State, b.State)
	})
	if !h.detail {
		return found
	}
	slices.SortStableFunc(all, func(a, b graceful.Conn) int { return cmp.Compare(b.Age, a.Age) })
	for _, c := range all[:min(len(all), mostConns)] {
		found.List = append(found.List, conn{c.Component, c.State, c.Remote, seconds(c.Age)})
	}
	return found
}

func statsOf(name string, s belay.Stats) stats {
	out := stats{
		Name: name, Limit: s.Limit, InFlight: s.InFlight, Waiting: s.Waiting,
		Total: s.Total, Waited: s.Waited, Refused: s.Refused, Cancelled: s.Cancelled,
		Failed: s.Failed, Panicked: s.Panicked, Skipped: s.Skipped, WaitSum: seconds(s.WaitTime.Sum),
	}
	if s.WaitTime.Counts == [belay.WaitBuckets]uint64{} {
		return out
	}
	for i, n := range s.WaitTime.Counts {
		below := seconds(belay.WaitBound(i))
		if i == belay.WaitBuckets-1 {
			below = -1
		}
		out.Waits = append(out.Waits, bucket{below, n})
	}
	return out
}

func processOf(rep graceful.Report, now time.Time) process {
	p := process{
		PID: os.Getpid(), Goroutines: runtime.NumGoroutine(), Go: runtime.Version(),
		Uptime: seconds(rep.Ran + rep.Took),
	}
	if rep.State == "done" {
		p.Uptime += seconds(now.Sub(rep.Since))
	}
	p.Host, _ = os.Hostname() // it is a help, and nothing depends on it
	if info, ok := debug.ReadBuildInfo(); ok {
		p.Module, p.Version = info.Main.Path, info.Main.Version
	}
	return p
}

func program() string { return filepath.Base(os.Args[0]) }

// seconds are a duration, as a number in the JSON; negative is none.
type seconds time.Duration

// MarshalJSON is part of the promise on keys and values.
func (s seconds) MarshalJSON() ([]byte, error) {
	if s < 0 {
		return []byte("-1"), nil
	}
	return json.Marshal(time.Duration(s).Seconds())
}

// A stamp is a time to the millisecond.
type stamp time.Time

// IsZero leaves out what there was not.
func (s stamp) IsZero() bool { return time.Time(s).IsZero() }

// MarshalJSON writes it as RFC 3339 has it, in UTC.
func (s stamp) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Time(s).UTC().Format("2006-01-02T15:04:05.000Z"))
}
