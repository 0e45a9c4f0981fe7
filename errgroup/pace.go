package errgroup

// This file is the rule by which a worker shares its processor with the Gos
// that it wakes.
//
// A goroutine that is woken comes next on the processor of whoever woke it,
// and another processor fetches it from there only after a wait that is longer
// than most tasks are. So a worker that wakes a blocked Go and goes straight on
// to its next task keeps that Go from submitting for as long as the task takes;
// the other workers run out of tasks, and their processors fall asleep. If, on
// the other hand, every worker stepped aside for every Go it wakes, each short
// task would cost a switch there and back. Nobody knows how long the next task
// will take, so the rule looks at what is left for others to run meanwhile, and
// learns from what went wrong:
//
//	 task ends, a blocked Go's task joins the queue, the Go is woken
//	  │
//	  ├─ careful, and the reserve is thin ──▶ hand over: another worker is
//	  │                                       started, this one ends, and the
//	  │                                       Go runs at once
//	  ├─ the reserve is below low water ────▶ yield: the Go runs at once and
//	  │                                       refills the queue, this worker
//	  │                                       comes back with its grown stack
//	  └─ otherwise ─────────────────────────▶ go on
//
//	 queue found dry, a woken Go has not come back
//	  │
//	  ├─ yield, at most twice
//	  └─ still dry: end. Are other workers inside tasks? Then that Go sits
//	     behind one of them: a stall. Be careful for a while.
//
// The reserve is what others can run without the Go: queued tasks and those of
// Gos still blocked. Low water is a quarter of the limit; with a limit below
// four it is zero, so short tasks run at full speed there, and long ones are
// recognized by their stalls.
//
// Being careful costs what starting a goroutine per task costs. A spell of it
// lasts a number of hand-overs that doubles with each stall that follows soon
// after the last spell, and starts small again when the next one is long in
// coming. So tasks that stall the group are handed over nearly always, and
// tasks too short to stall it hardly ever: no clock, no estimate of how long a
// task takes, and a stray stall costs little.

import "runtime"

const (
	dryYields    = 2       // how often a dry worker yields before it ends
	firstSpell   = 64      // hand-overs
	longestSpell = 1 << 16 // hand-overs
	soon         = 128     // tasks taken on after a spell
)

// pace is what the rule has learned. The zero value is the start.
type pace struct {
	thin    int // a reserve below this is thin while careful
	careful int // hand-overs left in this spell
	spell   int // length of the last spell
	taken   int // blocked Gos' tasks taken since the last spell
}

// lowWaterLocked is the reserve, in tasks, below which a worker yields.
func (g *Group) lowWaterLocked() int { return g.mu.limit / 4 }

// stall notes that a worker had to end although a woken Go was about to bring
// more.
func (p *pace) stall() {
	if p.careful > 0 {
		return // it is already known
	}
	if p.spell > 0 && p.taken < soon {
		p.spell = min(2*p.spell, longestSpell)
	} else {
		p.spell = firstSpell
	}
	p.careful, p.taken = p.spell, 0
	p.thin = 4 * runtime.GOMAXPROCS(0)
}
