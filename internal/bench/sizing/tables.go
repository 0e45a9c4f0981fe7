package main

// This file says which tables there are, and how their cells look.

import (
	"fmt"
	"strconv"
	"time"
)

var tables = []table{
	{
		first: "goroutines that wait",
		columns: []column{
			{"memory", size}, {"for each", size}, {"a collection takes", duration}, {"all stopped for", duration},
		},
		rows: []row{
			waiting("1,000", 1_000, 0), waiting("10,000", 10_000, 0), waiting("100,000", 100_000, 0), waiting("1,000,000", 1_000_000, 0),
			waiting("1,000, each 8 KiB deep", 1_000, 8), waiting("100,000, each 8 KiB deep", 100_000, 8),
		},
	},
	{
		first: "tasks that compute, at once",
		columns: []column{
			{"all done in", duration}, {"memory at most", size}, {"collections", count},
			{"one task takes, p99", duration}, {"an echo beside takes, at most", duration},
		},
		rows: []row{computing(1), computing(2), computing(4), computing(16), computing(128), computing(1024), computing(computed)},
	},
	{
		first: "calls to a server with 20 places, at once",
		columns: []column{
			{"done a second", count}, {"one call takes, p50", duration}, {"p99", duration}, {"gave up after 100 ms", percent},
		},
		rows: []row{calling(1), calling(10), calling(20), calling(30), calling(100), calling(400), calling(called)},
	},
}

func waiting(label string, n, deep int) row {
	return row{label, func() []float64 { return park(n, deep) }}
}

func computing(limit int) row {
	return row{label(limit, computed), func() []float64 { return compute(limit) }}
}

func calling(limit int) row {
	return row{label(limit, called), func() []float64 { return call(limit) }}
}

func label(limit, all int) string {
	if limit == all {
		return "all " + strconv.Itoa(all)
	}
	return strconv.Itoa(limit)
}

func size(v float64) string {
	switch {
	case v >= 1<<30:
		return fmt.Sprintf("%.1f GiB", v/(1<<30))
	case v >= 10<<20:
		return fmt.Sprintf("%.0f MiB", v/(1<<20))
	case v >= 1<<20:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	default:
		return fmt.Sprintf("%.1f KiB", v/(1<<10))
	}
}

// duration shows seconds with about two digits that say something.
func duration(v float64) string {
	d := time.Duration(v * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.0f µs", d.Seconds()*1e6)
	}
}

func count(v float64) string { return strconv.Itoa(int(v + 0.5)) }

func percent(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }
