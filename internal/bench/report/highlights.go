package report

// This file chooses what the README shows of a run.

// highlight is a row of a run that the README shows.
type highlight struct {
	say                string
	suite, shape, peer string
}

// chart is some of them, drawn as one picture.
type chart struct {
	name, title string
	of          []highlight
}

var charts = []chart{
	{"groups", "errgroup", []highlight{
		{"a task of nothing, limit 8", "errgroup", "empty, limit 8", "x/sync"},
		{"a task of nothing, limit 64", "errgroup", "empty, limit 64", "x/sync"},
		{"a task of nothing, 16 producers, limit 64", "errgroup", "empty, 16 producers, limit 64", "x/sync"},
		{"a task with 32 KiB of stack, limit 64", "errgroup", "32 KiB stack, limit 64", "x/sync"},
		{"a task of 1 µs, limit 64", "errgroup", "1µs CPU, limit 64", "x/sync"},
		{"a task of 50 µs, limit 8", "errgroup", "50µs CPU, limit 8", "x/sync"},
		{"a task of nothing, limit 8", "errgroup", "empty, limit 8", "conc"},
		{"a task of nothing, limit 8", "errgroup", "empty, limit 8", "pond"},
		{"a task of nothing, limit 8", "errgroup", "empty, limit 8", "ants"},
		{"a task of nothing, limit 8", "errgroup", "empty, limit 8", "workerpool"},
		{"ForEach, items of 1 µs, limit 8", "errgroup-loops", "ForEach, 1µs CPU, limit 8", "conc/pool"},
	}},
	{"limits", "limiter", []highlight{
		{"semaphore: a unit that is there", "semaphore", "Acquire and Release, 1 goroutines, 1 units", "x/sync"},
		{"semaphore: 64 goroutines", "semaphore", "Acquire and Release, 64 goroutines, 64 units", "x/sync"},
		{"rate: Allow", "rate", "Allow, 1 goroutines", "x/time"},
		{"rate: Wait", "rate", "Wait, 1 goroutine", "x/time"},
		{"rate: Allow of a high rate", "rate", "high rate: Allow, 1 goroutines", "x/time"},
		{"rate: Wait", "rate", "Wait, 1 goroutines", "uber ratelimit"},
		{"keyed: a million keys", "keyed", "Allow, 1000000 keys, 1 goroutines", "map, mutex, x/time"},
		{"adaptive: Take and Release", "adaptive", "Take and Release, 64 goroutines", "failsafe-go"},
		{"pool: Get and Release", "pool", "Get and Release, 1 goroutines, 100 resources", "puddle"},
		{"pool: 64 goroutines, 16 resources", "pool", "Get and Release, 64 goroutines, 16 resources", "puddle"},
		{"redis: 64 callers", "redis", "TryTake, 64 callers, go-redis", "redis_rate"},
		{"redis: one caller, 100 tokens a lease", "redis", "TryTake, 1 callers, go-redis, 100 a lease", "redis_rate"},
	}},
	{"waits", "timeout and ctxutil", []highlight{
		{"a WaitGroup's Add and Done", "timeout", "Add and Done", "sync"},
		{"a wait with a timeout", "timeout", "a wait with a timeout that blocks", "goroutine"},
		{"a turn of a select with a timeout", "timeout-timer", "a turn of a select that is ready", "time.After"},
		{"an event that a watchdog sees", "timeout-watchdog", "an event", "time.Timer's Reset"},
		{"a request with a deadline", "timeout-run", "a request that is answered in time", "http.TimeoutHandler"},
		{"10,000 merged contexts that end", "ctxutil", "10,000 Merge ended by one parent", "goroutine"},
	}},
	{"stops", "graceful", []highlight{
		{"a request, http/1.1", "graceful-serving", "http/1.1, 1 KiB, 64 connections", "net/http"},
		{"a request, h2c", "graceful-serving", "h2c, 1 KiB, 64 streams", "net/http"},
		{"a stop after the last answer, http/1.1", "graceful-stop", "http/1.1, last request ends 300ms in", "Shutdown"},
		{"a stop after the last answer, h2c", "graceful-stop", "h2c, last request ends 300ms in", "Shutdown"},
		{"a stop after the last answer, grpc", "graceful-stop", "grpc unary, last request ends 300ms in", "GracefulStop"},
	}},
}

// found is a highlight with its row.
type found struct {
	highlight
	row Row
}

// find looks up all of a chart's rows.
func (c chart) find(r *Report) ([]found, error) {
	var all []found
	for _, h := range c.of {
		row, err := r.Find(h.suite, h.shape, h.peer)
		if err != nil {
			return nil, err
		}
		all = append(all, found{h, row})
	}
	return all, nil
}
