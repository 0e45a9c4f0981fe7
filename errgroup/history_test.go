package errgroup_test

// This file looks at a group under real concurrency. It records when each call
// was made and returned and when each task began and ended, by one clock, and
// then searches the history for what no group could have shown that keeps its
// limit, its order and its word to TryGo. Each search has to find a planted
// fault, too.

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

// act is one call and the task that it brought. All times are of one clock,
// which never shows the same time twice.
type act struct {
	asked      [2]int64 // before and after the group was asked for its Stats
	stats      belay.Stats
	call, ret  int64
	refused    bool // by TryGo, or given up by GoContext
	try        bool
	runs       atomic.Int32
	start, end int64 // of the task
}

// history is what was recorded from one rest of the group to the next.
type history struct {
	limit int
	acts  []*act
	rest  int64 // when Wait had returned
}

func (h *history) accepted() (acts []*act) {
	for _, a := range h.acts {
		if !a.refused {
			acts = append(acts, a)
		}
	}
	return acts
}

// held returns for each task the latest moment at which it must have got its
// slot: it has one when its Go returns, and when it starts.
func (h *history) held() map[*act]int64 {
	held := map[*act]int64{}
	for _, a := range h.accepted() {
		held[a] = min(a.ret, a.start)
	}
	return held
}

// heldInOrder is held for a group that serves blocked calls in order: who was
// blocked before another call was even made has got its slot before that one.
//
// That is all of the order that can be seen from outside. Tasks are taken from
// the queue in order, but the processor may be taken away between a worker's
// taking of a task and the first thing that the task does; any number of later
// ones may come and go meanwhile, on the other slots. So the starts alone prove
// nothing above limit one. But the task that was overtaken holds a slot all that
// time: no more than limit-1 can be overtaken at once. And at limit one the
// starts have to come in order, each after the end of the one before.
func (h *history) heldInOrder() (held map[*act]int64, pairs int) {
	held = h.held()
	latest := h.accepted()
	slices.SortFunc(latest, func(a, b *act) int { return cmp.Compare(b.call, a.call) })
	for _, later := range latest {
		for _, earlier := range h.blockedBefore(later) {
			if !earlier.refused {
				held[earlier] = min(held[earlier], held[later])
				pairs++
			}
		}
	}
	return held, pairs
}

// blockedBefore returns the calls that were certainly blocked before a was
// made: if as many calls may have been blocked at the moment that the group was
// asked as it said there were, then those were.
func (h *history) blockedBefore(a *act) (blocked []*act) {
	for _, b := range h.acts {
		if b.call < a.asked[1] && b.ret > a.asked[0] {
			blocked = append(blocked, b)
		}
	}
	if int64(len(blocked)) != a.stats.Waiting {
		return nil
	}
	return blocked
}

// overbooked returns the first moment at which too many slots were held for
// certain, given when each task had its slot at the latest, or zero.
func (h *history) overbooked(held map[*act]int64) int64 {
	change := map[int64]int{}
	var times []int64
	for a, from := range held {
		change[from]++ // by two, where both had their slots at that moment
		change[a.end]--
		times = append(times, from, a.end)
	}
	slices.Sort(times)
	n := 0
	for _, now := range slices.Compact(times) {
		if n += change[now]; n > h.limit {
			return now
		}
	}
	return 0
}

// allBack returns the moments at which every slot had certainly been given back
// that was not held for certain: the group said, in the course of the call that
// ended at that moment, that it counts no others. What ended before that call
// began has given its slot back.
func (h *history) allBack(held map[*act]int64) (moments [][2]int64, err error) {
	for _, a := range h.acts {
		if a.asked[1] == 0 {
			continue
		}
		certain := int64(0)
		for b, from := range held {
			if from < a.asked[0] && a.asked[1] < b.end {
				certain++
			}
		}
		switch {
		case a.stats.InFlight < certain:
			return nil, fmt.Errorf("the group counted %d slots at %d, when %d were held", a.stats.InFlight, a.asked[0], certain)
		case a.stats.InFlight == certain:
			moments = append(moments, a.asked)
		}
	}
	slices.SortFunc(moments, func(a, b [2]int64) int { return cmp.Compare(a[1], b[1]) })
	return moments, nil
}

// faults returns, for each promise, how the history breaks it, or nil.
func (h *history) faults() map[string]error {
	found := map[string]error{}
	for name, check := range map[string]func() error{
		"runs": h.checkRuns, "limit": h.checkLimit, "stats": h.checkStats, "order": h.checkOrder, "refusals": h.checkRefusals,
	} {
		if err := check(); err != nil {
			found[name] = err
			if name == "runs" { // the others look at the times of tasks
				return map[string]error{name: err}
			}
		}
	}
	return found
}

// checkRuns finds tasks that were accepted and did not run just once, or ran
// though they were refused or given up.
func (h *history) checkRuns() error {
	for _, a := range h.acts {
		want := int32(1)
		if a.refused {
			want = 0
		}
		if runs := a.runs.Load(); runs != want {
			return fmt.Errorf("the task of the call at %d ran %d times and not %d", a.call, runs, want)
		}
	}
	return nil
}

// checkLimit finds a moment at which too many tasks held a slot.
func (h *history) checkLimit() error {
	if moment := h.overbooked(h.held()); moment > 0 {
		return fmt.Errorf("more than %d slots were held at %d", h.limit, moment)
	}
	return nil
}

// checkStats finds a moment at which the group counted fewer tasks than there
// were.
func (h *history) checkStats() error {
	_, err := h.allBack(h.held())
	return err
}

// checkOrder finds a moment at which too many would have held a slot if all
// calls were served in order.
func (h *history) checkOrder() error {
	held, _ := h.heldInOrder()
	if moment := h.overbooked(held); moment > 0 && h.checkLimit() == nil {
		return fmt.Errorf("a call was served by %d, while one that had blocked before it was not", moment)
	}
	return nil
}

// checkRefusals finds a TryGo that was refused though at no moment of its call
// the group can have been full. It need not look for blocked calls: there are
// none unless the group is full.
//
// A task may have its slot as soon as its call is made, and until there is proof
// that it has given it back: the end of a task is seen a little before that.
func (h *history) checkRefusals() error {
	allBack, _ := h.allBack(h.held())
	accepted := h.accepted()
	back := map[*act]int64{}
	for _, a := range accepted {
		back[a] = h.rest
		for _, asked := range allBack {
			if a.end < asked[0] {
				back[a] = asked[1]
				break
			}
		}
	}
	mayBeFull := func(now int64) bool {
		n := 0
		for _, a := range accepted {
			if a.call <= now && now < back[a] {
				n++
			}
		}
		return n >= h.limit
	}
	for _, a := range h.acts {
		if !a.try || !a.refused || mayBeFull(a.call) {
			continue
		}
		// Later in its call more can have slots only after another call was made.
		if !slices.ContainsFunc(accepted, func(b *act) bool {
			return a.call < b.call && b.call < a.ret && mayBeFull(b.call)
		}) {
			return fmt.Errorf("the TryGo at %d was refused though the group cannot have been full", a.call)
		}
	}
	return nil
}

// recorded is what the recorder needs of a group.
type recorded interface {
	Go(func() error)
	TryGo(func() error) bool
	GoContext(context.Context, func(context.Context) error) error
	Wait() error
	Stats() belay.Stats
}

// recorder makes calls at random and writes the history.
type recorder struct {
	g     recorded
	clock atomic.Int64
}

func (rec *recorder) now() int64 { return rec.clock.Add(1) }

// round has more callers than the group has slots make a few calls each.
func (rec *recorder) round(ctx context.Context, limit int, seed uint64) *history {
	const callsEach = 6
	h := &history{limit: limit}
	var callers sync.WaitGroup
	for caller := range limit + 3 {
		acts := make([]*act, callsEach)
		for i := range acts {
			acts[i] = &act{}
		}
		h.acts = append(h.acts, acts...)
		callers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(caller)))
			for _, a := range acts {
				rec.act(ctx, a, r, &callers)
			}
		})
	}
	callers.Wait()
	_ = rec.g.Wait()
	h.rest = rec.now()
	return h
}

func (rec *recorder) act(ctx context.Context, a *act, r *rand.Rand, callers *sync.WaitGroup) {
	task := rec.task(a, r)
	kind, patience := r.IntN(4), r.IntN(40)
	a.asked[0] = rec.now()
	a.stats = rec.g.Stats()
	a.asked[1] = rec.now()
	switch kind {
	case 0, 1:
		a.call = rec.now()
		rec.g.Go(task)
	case 2:
		a.try = true
		a.call = rec.now()
		a.refused = !rec.g.TryGo(task)
	case 3:
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if patience < 20 {
			callers.Go(func() { idle(patience, true); cancel() })
		}
		a.call = rec.now()
		a.refused = rec.g.GoContext(ctx, func(context.Context) error { return task() }) != nil
	}
	a.ret = rec.now()
}

func (rec *recorder) task(a *act, r *rand.Rand) func() error {
	spins, yields, goexit := r.IntN(30), r.IntN(3) == 0, r.IntN(8) == 0
	return func() error {
		if a.runs.Add(1) > 1 {
			return nil
		}
		a.start = rec.now()
		idle(spins, yields)
		a.end = rec.now()
		if goexit {
			runtime.Goexit()
		}
		return nil
	}
}

func idle(spins int, yields bool) {
	var n atomic.Int64
	for range spins {
		n.Add(1)
		if yields && n.Load()%4 == 0 {
			runtime.Gosched()
		}
	}
}

var recordedLimits = []int{1, 2, 3, 8}

func TestNoHistoryOfAGroupBreaksItsLimitItsOrderOrItsWord(t *testing.T) {
	const rounds = 300
	for _, limit := range recordedLimits {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("limit %d, fresh goroutines %v", limit, fresh), func(t *testing.T) {
				g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: limit, FreshGoroutines: fresh})
				rec := &recorder{g: g}
				pairs, proofs := 0, 0
				for seed := range uint64(rounds) {
					h := rec.round(t.Context(), limit, seed)
					require.Empty(t, h.faults(), "seed %d", seed)
					_, n := h.heldInOrder()
					pairs += n
					allBack, _ := h.allBack(h.held())
					proofs += len(allBack)
				}
				require.NotZero(t, pairs, "nothing was ever known of the order")
				require.NotZero(t, proofs, "nothing was ever known of slots given back")
				t.Logf("%d pairs in order, %d proofs of slots given back", pairs, proofs)
			})
		}
	}
}

// fake is a group that is right but for the fault planted in it.
type fake struct {
	limit int
	fault string

	mu      sync.Mutex
	active  int
	blocked []chan struct{}
	calls   int
	tries   int
	tasks   sync.WaitGroup
}

func (g *fake) enter(ctx context.Context, try bool) bool {
	g.mu.Lock()
	room := g.limit - g.active
	switch {
	case g.fault == "one too many":
		room++
	case g.fault == "a slot kept from TryGo" && try:
		room--
	case g.fault == "a refusal now and then" && try:
		if g.tries++; g.tries%10 == 0 {
			room = 0
		}
	}
	if room > 0 {
		g.active++
	}
	if room > 0 || try {
		g.mu.Unlock()
		return room > 0
	}
	ready := make(chan struct{})
	g.blocked = append(g.blocked, ready)
	g.mu.Unlock()
	select {
	case <-ready:
		return true
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.blocked, ready)
	if i < 0 {
		return true
	}
	g.blocked = slices.Delete(g.blocked, i, i+1)
	return false
}

func (g *fake) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.blocked)
	if n == 0 {
		g.active--
		return
	}
	i := 0
	if g.fault == "the last first" {
		i = n - 1
	}
	close(g.blocked[i])
	g.blocked = slices.Delete(g.blocked, i, i+1)
}

func (g *fake) run(f func() error) {
	g.mu.Lock()
	g.calls++
	lost := g.fault == "a lost task" && g.calls%50 == 0
	g.mu.Unlock()
	g.tasks.Go(func() {
		defer g.leave()
		if !lost {
			_ = f()
		}
	})
}

func (g *fake) Go(f func() error) { g.enter(context.Background(), false); g.run(f) }

func (g *fake) TryGo(f func() error) bool {
	in := g.enter(context.Background(), true)
	if in {
		g.run(f)
	}
	return in
}

func (g *fake) GoContext(ctx context.Context, f func(context.Context) error) error {
	in := g.enter(ctx, false)
	if in || g.fault == "a task that was given up" {
		if !in {
			g.mu.Lock()
			g.active++
			g.mu.Unlock()
		}
		g.run(func() error { return f(ctx) })
	}
	if !in {
		return ctx.Err()
	}
	return nil
}

func (g *fake) Wait() error { g.tasks.Wait(); return nil }

func (g *fake) Stats() belay.Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := belay.Stats{InFlight: int64(g.active), Waiting: int64(len(g.blocked))}
	if g.fault == "a slot not counted" {
		s.InFlight--
	}
	return s
}

func TestTheHistoryOfAFaultyGroupIsFoundOut(t *testing.T) {
	const rounds = 3000
	for fault, promise := range map[string]string{
		"":                         "",
		"one too many":             "limit",
		"a slot kept from TryGo":   "refusals",
		"a refusal now and then":   "refusals",
		"a slot not counted":       "stats",
		"the last first":           "order",
		"a lost task":              "runs",
		"a task that was given up": "runs",
	} {
		for _, limit := range recordedLimits {
			t.Run(fmt.Sprintf("%s, limit %d", cmp.Or(fault, "no fault"), limit), func(t *testing.T) {
				rec := &recorder{g: &fake{limit: limit, fault: fault}}
				for seed := range uint64(rounds) {
					found := rec.round(t.Context(), limit, seed).faults()
					if fault == "" {
						require.Empty(t, found, "the group is right")
						if seed == rounds/30 {
							return
						}
						continue
					}
					if found[promise] != nil {
						t.Logf("round %d: %v", seed, found[promise])
						return
					}
				}
				t.Errorf("the promise of %s was not found broken", promise)
			})
		}
	}
}

// ran is the act of a Go, from its call to the end of its task.
func ran(call, ret, start, end int64) *act {
	a := &act{call: call, ret: ret, start: start, end: end}
	a.runs.Store(1)
	return a
}

// refusedTry is the act of a TryGo that returned false.
func refusedTry(call, ret int64) *act {
	return &act{call: call, ret: ret, try: true, refused: true}
}

// after is a, made when the group had just said how many tasks it counts and
// how many Gos are blocked.
func holding(inFlight, blocked int64, a *act) *act {
	a.asked = [2]int64{a.call - 2, a.call - 1}
	a.stats.InFlight, a.stats.Waiting = inFlight, blocked
	return a
}

func TestASmallestHistoryThatBreaksAPromiseIsFoundOut(t *testing.T) {
	twice := ran(10, 20, 30, 40)
	twice.runs.Store(2)
	for name, c := range map[string]struct {
		limit   int
		acts    []*act
		promise string
	}{
		"one after the other":                 {1, []*act{ran(10, 20, 30, 40), ran(50, 60, 70, 80)}, ""},
		"two that may be one after the other": {1, []*act{ran(10, 20, 30, 40), ran(11, 50, 45, 55)}, ""},
		"a slot held from the return on":      {1, []*act{ran(10, 20, 50, 60), ran(11, 70, 30, 40)}, "limit"},
		"three at limit two":                  {2, []*act{ran(10, 20, 30, 90), ran(11, 21, 31, 91), ran(12, 22, 32, 92)}, "limit"},
		"twice":                               {1, []*act{twice}, "runs"},

		"refused while one runs":                   {1, []*act{ran(10, 20, 30, 90), refusedTry(40, 50)}, ""},
		"refused while a slot may not be back":     {1, []*act{ran(10, 20, 30, 40), refusedTry(50, 60)}, ""},
		"refused while a Go is made":               {1, []*act{ran(45, 70, 80, 90), refusedTry(40, 50)}, ""},
		"refused before anything was called":       {1, []*act{ran(45, 70, 80, 90), refusedTry(10, 20)}, "refusals"},
		"refused though only one of two was taken": {2, []*act{ran(10, 20, 30, 90), refusedTry(40, 50)}, "refusals"},
		"refused though the slot is back":          {1, []*act{ran(10, 20, 30, 40), holding(0, 0, refusedTry(50, 60))}, "refusals"},
		"refused though one of two slots is back": {2, []*act{
			ran(10, 20, 30, 40), ran(11, 21, 31, 90), holding(1, 0, refusedTry(50, 60)),
		}, "refusals"},
		"refused while one of two slots is not back": {2, []*act{
			ran(10, 20, 30, 40), ran(11, 21, 31, 90), holding(2, 0, refusedTry(50, 60)),
		}, ""},
		"refused when the slot that was back may be taken": {2, []*act{
			ran(10, 20, 30, 40), ran(11, 21, 31, 90), holding(1, 0, refusedTry(50, 60)), ran(55, 70, 75, 80),
		}, ""},
		"a slot that is not counted": {2, []*act{
			ran(10, 20, 30, 90), holding(0, 0, ran(40, 50, 60, 70)),
		}, "stats"},

		"blocked and served in order": {1, []*act{ran(10, 20, 30, 60), ran(40, 70, 80, 90), holding(1, 1, ran(50, 100, 110, 120))}, ""},
		"blocked first, served last":  {1, []*act{ran(10, 20, 30, 60), ran(40, 130, 140, 150), holding(1, 1, ran(50, 100, 110, 120))}, "order"},
		"it may not have blocked yet": {1, []*act{ran(10, 20, 30, 60), ran(40, 130, 140, 150), holding(1, 0, ran(50, 100, 110, 120))}, ""},
		"one of two is overtaken by a start": {2, []*act{
			ran(10, 20, 30, 60), ran(11, 21, 31, 61), ran(40, 130, 140, 150), holding(2, 1, ran(50, 100, 110, 120)),
		}, ""},
		"two of two are overtaken": {2, []*act{
			ran(10, 20, 30, 60), ran(11, 21, 31, 61), ran(40, 130, 140, 150), ran(41, 131, 141, 151), holding(2, 2, ran(50, 100, 110, 120)),
		}, "order"},
	} {
		t.Run(name, func(t *testing.T) {
			found := (&history{limit: c.limit, acts: c.acts, rest: 1000}).faults()
			if c.promise == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Error(t, found[c.promise])
		})
	}
}
