package main

// This file is one side of the comparison: stop after stop, and the sums.

import (
	"fmt"
	"time"
)

// side is all stops of one kind.
type side struct {
	kind    string
	stops   int
	unclean int // of these, did not end with exit code 0
	counts  [protocols][outcomes]int64
	flying  int             // requests in flight at a signal, the fewest
	after   []time.Duration // from the last answer to the end of the process
	told    [outcomes]int   // losses that were printed
}

// stop stops one child under load.
func (s *side) stop(conns int) error {
	c, err := start(s.kind)
	if err != nil {
		return err
	}
	l := startLoad(c.addrs, conns)
	flying := l.ready(conns)
	err = c.terminate()
	l.gone()
	l.all.Wait()
	_ = c.alive.Close()
	if err != nil {
		return err
	}
	if n := l.total(answered); n < warm {
		return fmt.Errorf("only %d requests answered in %v: too busy a machine", n, warmTime)
	}
	if n := l.total(failed); n > 0 {
		return fmt.Errorf("%d clients failed by themselves: %v", n, l.mu.losses)
	}
	s.stops++
	if c.code != 0 {
		s.unclean++
	}
	if s.stops == 1 || flying < s.flying {
		s.flying = flying
	}
	s.after = append(s.after, c.end.Sub(l.mu.last))
	for p := range l.counts {
		for o := range l.counts[p] {
			s.counts[p][o] += l.counts[p][o].Load()
		}
	}
	s.tell(l.mu.losses)
	return nil
}

func (s *side) total(o outcome) (n int64) {
	for p := range s.counts {
		n += s.counts[p][o]
	}
	return n
}

func (s *side) lost() int64 { return s.total(lost) }

// asked are the requests that had somebody to hear them.
func (s *side) asked() int64 {
	return s.total(answered) + s.total(lost) + s.total(late) + s.total(turned)
}

// tell prints what was lost, as long as that is not too much, and how far the
// stops have come.
func (s *side) tell(losses []loss) {
	most := shown
	if s.kind == plain {
		most = 3 // it is known why
	}
	for _, what := range losses {
		if s.told[what.outcome]++; s.told[what.outcome] <= most {
			progress(false, "")
			fmt.Printf("%s, stop %d: %s %v: %s\n", s.kind, s.stops, what.protocol, what.outcome, what.why)
		}
	}
	progress(s.stops%10 == 0, fmt.Sprintf("%s, stop %d: %s answered, %d lost, %d late", s.kind, s.stops, thousands(s.total(answered)), s.lost(), s.total(late)))
}
