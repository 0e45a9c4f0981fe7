package adaptive_test

// This file is a server in virtual time with a limit in front: arrivals at random,
// so many workers, one queue. It is the smallest of what a limit is judged by.

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// act is a time in which a server and its clients stay what they are.
type act struct {
	lasts   time.Duration
	workers int
	rate    float64       // arrivals a second
	each    time.Duration // that one takes, on average
	fails   bool          // all fail, at once
	batch   int           // arrivals of one instant; 0: one
}

// ended is what came of an act, in its second half.
type ended struct {
	arrived, refused, inTime int
	limit                    float64 // on average, of arrivals
}

func (e ended) share() float64 { return float64(e.inTime) / float64(e.arrived) }

type event struct {
	at   time.Duration
	do   func()
	from int // order among those of the same instant
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].from < e[j].from
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// play runs the acts, one after the other, in a bubble. Service times are lognormal
// with a coefficient of variation of 0.53. In time is what takes no more than 100 ms
// after its arrival.
func play(l limiter.Limiter, limit func() int64, seed uint64, acts ...act) []ended {
	random := rand.New(rand.NewPCG(seed, 0))
	results := make([]ended, len(acts))
	var todo events
	begin := time.Now()
	now := func() time.Duration { return time.Since(begin) }
	serial := 0
	after := func(d time.Duration, do func()) {
		serial++
		heap.Push(&todo, event{now() + d, do, serial})
	}
	type job struct {
		act     int
		arrived time.Duration
		permit  limiter.Permit
		counts  bool
	}
	current, busy, over := 0, 0, false
	var queue []job
	var start func()
	start = func() {
		for a := acts[current]; busy < a.workers && len(queue) > 0; {
			j := queue[0]
			queue = queue[1:]
			busy++
			const sigma = .4975 // of the logarithm: exp(sigma^2) = 1 + .53^2
			took := time.Duration(float64(a.each) * math.Exp(random.NormFloat64()*sigma-sigma*sigma/2))
			after(took, func() {
				busy--
				j.permit.Release()
				if j.counts && now()-j.arrived <= 100*time.Millisecond {
					results[j.act].inTime++
				}
				start()
			})
		}
	}
	changed := time.Duration(0)
	var one func(act)
	arrive := func() {}
	arrive = func() {
		a := acts[current]
		batch := max(1, a.batch)
		after(time.Duration(random.ExpFloat64()/a.rate*1e9*float64(batch)), arrive)
		for range batch {
			one(a)
		}
	}
	one = func(a act) {
		counts := now()-changed > a.lasts/2
		r := &results[current]
		if counts {
			r.arrived++
			r.limit += (float64(limit()) - r.limit) / float64(r.arrived)
		}
		permit, err := l.TryTake(1)
		switch {
		case err != nil && counts:
			r.refused++
		case err != nil:
		case a.fails:
			after(time.Millisecond, permit.Drop)
		default:
			queue = append(queue, job{current, now(), permit, counts})
			start()
		}
	}
	var change func()
	change = func() {
		changed = now()
		if current++; current == len(acts) {
			over = true
			return
		}
		after(acts[current].lasts, change)
		start()
	}
	after(acts[0].lasts, change)
	arrive()
	for !over {
		e := heap.Pop(&todo).(event)
		time.Sleep(e.at - now())
		e.do()
	}
	return results
}

// The acts of the standard play: light load, overload, half of the server gone, all
// of it back, light load, each request slower on a larger server, and that
// overloaded.
func standard(workers int) []act {
	rate := float64(workers) * 100 // what they can do
	const each = 10 * time.Millisecond
	return []act{
		{10 * time.Second, workers, rate / 2, each, false, 0},
		{16 * time.Second, workers, 2 * rate, each, false, 0},
		{16 * time.Second, workers / 2, 2 * rate, each, false, 0},
		{16 * time.Second, workers, 2 * rate, each, false, 0},
		{10 * time.Second, workers, rate / 2, each, false, 0},
		{16 * time.Second, 3 * workers, rate * .75, 3 * each, false, 0},
		{16 * time.Second, 3 * workers, 2 * rate, 3 * each, false, 0},
	}
}

func TestTheServerIsKeptBusyAndNobodyWaitsLongWhateverItBecomes(t *testing.T) {
	for _, workers := range []int{4, 40} {
		for _, goal := range []time.Duration{0, 100 * time.Millisecond} {
			for seed := range uint64(1) {
				synctest.Test(t, func(t *testing.T) {
					l := adaptive.New(adaptive.Options{Goal: goal})
					results := play(l, func() int64 { return l.Stats().Limit }, seed, standard(workers)...)
					for i, r := range results {
						can := []float64{1, .5, .25, .5, 1, 1, .5}[i]
						t.Logf("%d workers, goal %v, act %d: %.1f %% of what can be; refused %.1f %%; limit %.1f",
							workers, goal, i, 100*r.share()/can, 100*float64(r.refused)/float64(r.arrived), r.limit)
						require.Greater(t, r.share(), .9*can, "act %d", i)
					}
				})
			}
		}
	}
}

func TestWhereAllFailOnlyAFewAreLetInToFindOutWhenTheyDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{})
		results := play(l, func() int64 { return l.Stats().Limit }, 1,
			act{8 * time.Second, 40, 2000, 10 * time.Millisecond, false, 0},
			act{24 * time.Second, 40, 8000, 10 * time.Millisecond, true, 200})
		require.Greater(t, results[0].limit, 80.0)
		require.Less(t, results[1].limit, 12.0) // about the root of 40
	})
}

func TestWhatTheServerDidLongAgoIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{})
		results := play(l, func() int64 { return l.Stats().Limit }, 1,
			act{10 * time.Second, 40, 3000, 10 * time.Millisecond, false, 0},
			act{80 * time.Second, 40, 100, 10 * time.Millisecond, false, 0})
		require.Greater(t, results[0].limit, 80.0)
		require.Less(t, results[1].limit, 50.0)
	})
}
