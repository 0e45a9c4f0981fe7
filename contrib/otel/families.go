package belayotel

// The table of all metrics.

import (
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/pool"
)

var ofStats = []family[belay.Stats]{
	{"belay.limit", "{unit}", "Most units in flight at once; absent where there is no limit.", level,
		func(s belay.Stats) float64 { return float64(s.Limit) }, func(s belay.Stats) bool { return s.Limit >= 0 }},
	{"belay.in_flight", "{unit}", "Units taken and not given back: permits, running tasks.", level,
		func(s belay.Stats) float64 { return float64(s.InFlight) }, nil},
	{"belay.waiting", "{call}", "Calls that wait at this moment.", level,
		func(s belay.Stats) float64 { return float64(s.Waiting) }, nil},
	{"belay.granted", "{unit}", "Units ever granted.", count,
		func(s belay.Stats) float64 { return float64(s.Total) }, nil},
	{"belay.waited", "{call}", "Calls that were granted after a wait.", count,
		func(s belay.Stats) float64 { return float64(s.Waited) }, nil},
	{"belay.wait.count", "{call}", "Waits that were measured.", count,
		func(s belay.Stats) float64 { return float64(measured(s.WaitTime)) }, nil},
	{"belay.wait.time", "s", "The sum of the waits that were measured.", count,
		func(s belay.Stats) float64 { return s.WaitTime.Sum.Seconds() }, nil},
	{"belay.refused", "{call}", "Calls refused at once.", count,
		func(s belay.Stats) float64 { return float64(s.Refused) }, nil},
	{"belay.cancelled", "{call}", "Calls that gave up waiting because their context ended.", count,
		func(s belay.Stats) float64 { return float64(s.Cancelled) }, nil},
	{"belay.failed", "{task}", "Tasks that returned an error.", count,
		func(s belay.Stats) float64 { return float64(s.Failed) }, nil},
	{"belay.panicked", "{task}", "Tasks that panicked and were recovered.", count,
		func(s belay.Stats) float64 { return float64(s.Panicked) }, nil},
	{"belay.skipped", "{task}", "Tasks never started because their context had ended.", count,
		func(s belay.Stats) float64 { return float64(s.Skipped) }, nil},
}

func measured(h belay.WaitHistogram) (sum uint64) {
	for _, n := range h.Counts {
		sum += n
	}
	return sum
}

var ofPools = []family[pool.Counts]{
	{"belay.pool.open", "{resource}", "Resources that exist: idle, lent or being checked.", level,
		func(c pool.Counts) float64 { return float64(c.Open) }, nil},
	{"belay.pool.idle", "{resource}", "Resources that wait to be lent.", level,
		func(c pool.Counts) float64 { return float64(c.Idle) }, nil},
	{"belay.pool.opening", "{resource}", "Calls of Open that run.", level,
		func(c pool.Counts) float64 { return float64(c.Opening) }, nil},
	{"belay.pool.closing", "{resource}", "Calls of Close that run.", level,
		func(c pool.Counts) float64 { return float64(c.Closing) }, nil},
	{"belay.pool.opened", "{resource}", "Resources ever opened.", count,
		func(c pool.Counts) float64 { return float64(c.Opened) }, nil},
	{"belay.pool.closed", "{resource}", "Resources ever closed, for whatever reason.", count,
		func(c pool.Counts) float64 { return float64(c.Closed) }, nil},
	{"belay.pool.expired", "{resource}", "Resources closed because of their age or of idling.", count,
		func(c pool.Counts) float64 { return float64(c.Expired) }, nil},
	{"belay.pool.unhealthy", "{resource}", "Resources closed because a check found them broken.", count,
		func(c pool.Counts) float64 { return float64(c.Unhealthy) }, nil},
}

// A moment is a report and when it was taken.
type moment struct {
	graceful.Report
	now time.Time
}

var ofManager = []family[moment]{
	{"belay.ready", "{process}", "1 while all components are up and no stop has begun.", level,
		func(m moment) float64 { return truth(m.State == "ready") }, nil},
	{"belay.stopping", "{process}", "1 from the cause of the stop on.", level,
		func(m moment) float64 { return truth(m.Cause != nil) }, nil},
	{"belay.generation", "{process}", "How many processes have handed on their place before this one had it.", state,
		func(m moment) float64 { return float64(m.Generation) }, nil},
	{"belay.start.duration", "s", "How long the start took until the last component was up.", state,
		func(m moment) float64 { return lastUp(m.Report).Sub(m.Began).Seconds() }, func(m moment) bool { return m.Ready }},
	{"belay.stop.duration", "s", "How long the stop has taken so far; 0 before.", state,
		func(m moment) float64 { return m.Took.Seconds() }, nil},
	{"belay.stop.budget", "s", "How long the stop may take; absent where there is no bound.", state,
		func(m moment) float64 { return m.Budget.Seconds() }, func(m moment) bool { return m.Budget >= 0 }},
	{"belay.draining.processes", "{process}", "Processes that had this one's place before and have not ended yet.", state,
		func(m moment) float64 { return float64(m.Draining) }, nil},
	{"belay.draining.duration", "s", "How long the oldest of those processes has been draining; 0 where there is none.", state,
		moment.draining, nil},
	{"belay.restarts", "{restart}", "Restarts that were asked for.", count,
		func(m moment) float64 { return float64(m.RestartsTried) }, nil},
	{"belay.restart.failures", "{restart}", "Restarts that were refused, that failed, or whose new process ended on probation.", count,
		func(m moment) float64 { return float64(m.RestartsFailed) }, nil},
}

var ofComponents = []family[graceful.Result]{
	{"belay.component.up", "{component}", "1 from when the component is up to the beginning of its stop.", level,
		func(res graceful.Result) float64 { return truth(res.Outcome == "up" || res.Outcome == "pre-stop") }, nil},
	{"belay.component.failed", "{component}", "1 if the component or its stop failed or panicked, or was cut, or is stuck.", level,
		func(res graceful.Result) float64 { return truth(wentWrong(res.Outcome)) }, nil},
	{"belay.component.start.duration", "s", "How long the component took until it was up.", state,
		func(res graceful.Result) float64 { return res.Up.Sub(res.Launched).Seconds() },
		func(res graceful.Result) bool { return !res.Up.IsZero() && !res.Launched.IsZero() }},
	{"belay.component.stop.duration", "s", "How long the component's stop took, or has taken so far; 0 before.", state,
		func(res graceful.Result) float64 { return res.Used.Seconds() }, nil},
}

// lastUp is when the last component was up; the beginning, if there is none.
func lastUp(rep graceful.Report) time.Time {
	last := rep.Began
	for _, res := range rep.Components {
		if res.Up.After(last) {
			last = res.Up
		}
	}
	return last
}

func (m moment) draining() float64 {
	if m.Draining == 0 {
		return 0
	}
	return max(0, m.now.Sub(m.DrainingSince).Seconds()) // by the clock of the wall
}

// wentWrong reports whether an outcome needs somebody's eyes.
func wentWrong(outcome string) bool {
	switch outcome {
	case "failed", "panicked", "cut", "stuck":
		return true
	}
	return false
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
