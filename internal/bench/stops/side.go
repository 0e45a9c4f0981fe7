package main

// This file is one side of the comparison: stop after stop, and the sums.

import (
	"fmt"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

// side is all stops of one kind.
type side struct {
	kind    string
	stops   int
	unclean int // of these, did not end with exit code 0
	counts  [load.Protocols][load.Outcomes]int64
	flying  int                // requests in flight at a signal, the fewest
	after   []time.Duration    // from the last answer to the end of the process
	told    [load.Outcomes]int // losses that were printed
}

// stop stops one child under load.
func (s *side) stop(conns int) error {
	c, err := start(s.kind)
	if err != nil {
		return err
	}
	l := load.Start(c.addrs, conns)
	flying := l.Ready(conns)
	err = c.terminate()
	l.Gone()
	l.Wait()
	_ = c.alive.Close()
	if err != nil {
		return err
	}
	if n := l.Total(load.Answered); n < load.Warm {
		return fmt.Errorf("only %d requests answered in %v: too busy a machine", n, load.WarmTime)
	}
	if n := l.Total(load.Failed); n > 0 {
		return fmt.Errorf("%d clients failed by themselves: %v", n, l.Losses())
	}
	s.stops++
	if c.code != 0 {
		s.unclean++
	}
	if s.stops == 1 || flying < s.flying {
		s.flying = flying
	}
	s.after = append(s.after, c.end.Sub(l.Last()))
	for p := range s.counts {
		for o := range s.counts[p] {
			s.counts[p][o] += l.Count(load.Protocol(p), load.Outcome(o))
		}
	}
	s.tell(l.Losses())
	return nil
}

func (s *side) total(o load.Outcome) (n int64) {
	for p := range s.counts {
		n += s.counts[p][o]
	}
	return n
}

func (s *side) lost() int64 { return s.total(load.Lost) }

// asked are the requests that had somebody to hear them.
func (s *side) asked() int64 {
	return s.total(load.Answered) + s.total(load.Lost) + s.total(load.Late) + s.total(load.Turned)
}

// tell prints what was lost, as long as that is not too much, and how far the
// stops have come.
func (s *side) tell(losses []load.Loss) {
	most := shown
	if s.kind == plain {
		most = 3 // it is known why
	}
	for _, what := range losses {
		if s.told[what.Outcome]++; s.told[what.Outcome] <= most {
			progress(false, "")
			fmt.Printf("%s, stop %d: %s %v: %s\n", s.kind, s.stops, what.Protocol, what.Outcome, what.Why)
		}
	}
	progress(s.stops%10 == 0, fmt.Sprintf("%s, stop %d: %s answered, %d lost, %d late", s.kind, s.stops, thousands(s.total(load.Answered)), s.lost(), s.total(load.Late)))
}
