package belayprometheus

// What a manager says, as metrics: of the process, of its components, and of
// the processes before and after it.

import (
	"strings"
	"time"

	"github.com/belay-go/belay/graceful"
)

// A moment is a report and when it was taken.
type moment struct {
	graceful.Report
	now time.Time
}

var ofManager = []family[moment]{
	gauge("belay_ready", "1 while all components are up and no stop has begun.",
		func(m moment) float64 { return truth(m.State == "ready") }),
	gauge("belay_stopping", "1 from the cause of the stop on.",
		func(m moment) float64 { return truth(m.Cause != nil) }),
	gauge("belay_generation", "How many processes have handed on their place before this one had it.",
		func(m moment) float64 { return float64(m.Generation) }),
	gauge("belay_start_seconds", "How long the start took until the last component was up.",
		moment.start).where(func(m moment) bool { return m.Ready }),
	gauge("belay_stop_seconds", "How long the stop has taken so far; 0 before.",
		func(m moment) float64 { return m.Took.Seconds() }),
	gauge("belay_stop_budget_seconds", "How long the stop may take; absent where there is no bound.",
		func(m moment) float64 { return m.Budget.Seconds() }).where(func(m moment) bool { return m.Budget >= 0 }),
	gauge("belay_draining_processes", "Processes that had this one's place before and have not ended yet.",
		func(m moment) float64 { return float64(m.Draining) }),
	gauge("belay_draining_seconds", "How long the oldest of those processes has been draining; 0 where there is none.",
		moment.draining),
	counter("belay_restarts_total", "Restarts that were asked for.",
		func(m moment) float64 { return float64(m.RestartsTried) }),
	counter("belay_restart_failures_total", "Restarts that were refused, that failed, or whose new process ended on probation.",
		func(m moment) float64 { return float64(m.RestartsFailed) }),
}

var ofComponents = []family[graceful.Result]{
	gauge("belay_component_up", "1 from when the component is up to the beginning of its stop.",
		func(res graceful.Result) float64 { return truth(res.Outcome == "up" || res.Outcome == "pre-stop") }, label),
	gauge("belay_component_failed", "1 if the component or its stop failed or panicked, or was cut, or is stuck.",
		func(res graceful.Result) float64 { return truth(failed(res.Outcome)) }, label),
	gauge("belay_component_start_seconds", "How long the component took until it was up.",
		func(res graceful.Result) float64 { return res.Up.Sub(res.Launched).Seconds() },
		label).where(func(res graceful.Result) bool { return !res.Up.IsZero() && !res.Launched.IsZero() }),
	gauge("belay_component_stop_seconds", "How long the component's stop took, or has taken so far; 0 before.",
		func(res graceful.Result) float64 { return res.Used.Seconds() }, label),
}

// start is the time from the beginning of Run to the last component's being up.
func (m moment) start() float64 {
	last := m.Began
	for _, res := range m.Components {
		if res.Up.After(last) {
			last = res.Up
		}
	}
	return last.Sub(m.Began).Seconds()
}

func (m moment) draining() float64 {
	if m.Draining == 0 {
		return 0
	}
	return max(0, m.now.Sub(m.DrainingSince).Seconds()) // by the clock of the wall
}

func failed(outcome string) bool {
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

// legible keeps one component's name from costing the whole scrape.
func legible(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
