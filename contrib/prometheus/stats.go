package belayprometheus

// What limits, groups and pools say, as metrics.

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter/pool"
)

const label = "name"

var ofStats = []family[belay.Stats]{
	gauge("belay_limit", "Most units in flight at once; absent where there is no limit.",
		func(s belay.Stats) float64 { return float64(s.Limit) }, label).where(func(s belay.Stats) bool { return s.Limit >= 0 }),
	gauge("belay_in_flight", "Units taken and not given back: permits, running tasks.",
		func(s belay.Stats) float64 { return float64(s.InFlight) }, label),
	gauge("belay_waiting", "Calls that wait at this moment.",
		func(s belay.Stats) float64 { return float64(s.Waiting) }, label),
	counter("belay_granted_total", "Units ever granted.",
		func(s belay.Stats) float64 { return float64(s.Total) }, label),
	counter("belay_waited_total", "Calls that were granted after a wait.",
		func(s belay.Stats) float64 { return float64(s.Waited) }, label),
	counter("belay_refused_total", "Calls refused at once.",
		func(s belay.Stats) float64 { return float64(s.Refused) }, label),
	counter("belay_cancelled_total", "Calls that gave up waiting because their context ended.",
		func(s belay.Stats) float64 { return float64(s.Cancelled) }, label),
	counter("belay_failed_total", "Tasks that returned an error.",
		func(s belay.Stats) float64 { return float64(s.Failed) }, label),
	counter("belay_panicked_total", "Tasks that panicked and were recovered.",
		func(s belay.Stats) float64 { return float64(s.Panicked) }, label),
	counter("belay_skipped_total", "Tasks never started because their context had ended.",
		func(s belay.Stats) float64 { return float64(s.Skipped) }, label),
}

var waitSeconds = prometheus.NewDesc("belay_wait_seconds",
	"How long calls waited that were granted after a wait, where times are measured.", []string{label}, nil)

// waits returns a histogram: Prometheus adds up the buckets, and adds the last,
// which has no bound, itself.
func waits(h belay.WaitHistogram, name string) prometheus.Metric {
	buckets := make(map[float64]uint64, belay.WaitBuckets-1)
	var sum uint64
	for i, n := range h.Counts {
		sum += n
		if i < belay.WaitBuckets-1 {
			buckets[belay.WaitBound(i).Seconds()] = sum
		}
	}
	return prometheus.MustNewConstHistogram(waitSeconds, sum, h.Sum.Seconds(), buckets, name)
}

var ofPools = []family[pool.Counts]{
	gauge("belay_pool_open", "Resources that exist: idle, lent or being checked.",
		func(c pool.Counts) float64 { return float64(c.Open) }, label),
	gauge("belay_pool_idle", "Resources that wait to be lent.",
		func(c pool.Counts) float64 { return float64(c.Idle) }, label),
	gauge("belay_pool_opening", "Calls of Open that run.",
		func(c pool.Counts) float64 { return float64(c.Opening) }, label),
	gauge("belay_pool_closing", "Calls of Close that run.",
		func(c pool.Counts) float64 { return float64(c.Closing) }, label),
	counter("belay_pool_opened_total", "Resources ever opened.",
		func(c pool.Counts) float64 { return float64(c.Opened) }, label),
	counter("belay_pool_closed_total", "Resources ever closed, for whatever reason.",
		func(c pool.Counts) float64 { return float64(c.Closed) }, label),
	counter("belay_pool_expired_total", "Resources closed because of their age or of idling.",
		func(c pool.Counts) float64 { return float64(c.Expired) }, label),
	counter("belay_pool_unhealthy_total", "Resources closed because a check found them broken.",
		func(c pool.Counts) float64 { return float64(c.Unhealthy) }, label),
}
