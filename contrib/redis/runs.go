package belayredis

// This file is how requests go to Redis and how its answer is read: equal ones that
// stand one behind the other are one run, whose length hardly matters to the script.

import (
	"iter"
	"slices"
	"time"
)

// limit is a request's patience in microseconds.
func (a *ask) limit() int64 { return min(a.patience.Microseconds(), 1<<50) }

// runs cuts requests into runs of equal ones: many callers often want the same, and
// a run costs Redis as much as a single one.
func runs(batch []*ask) iter.Seq[[]*ask] {
	return func(yield func([]*ask) bool) {
		for len(batch) > 0 {
			k := 1
			for k < len(batch) && batch[k].n == batch[0].n && batch[k].limit() == batch[0].limit() {
				k++
			}
			if !yield(batch[:k]) {
				return
			}
			batch = batch[k:]
		}
	}
}

// fits reports whether an answer is one to these requests.
func fits(batch []*ask, reply []int64) bool {
	at := 7
	for run := range runs(batch) {
		if at == len(reply) || reply[at] < 0 || reply[at] > int64(len(run)) {
			return false
		}
		at++
	}
	return at == len(reply)
}

// answerLocked hands out what the script has answered.
func (r *Rate) answerLocked(batch []*ask, reply []int64, sent int64) {
	mu := &r.mu
	mu.t, mu.v, mu.refunds, mu.birth = reply[0], reply[1], reply[2], reply[3]
	leased, granted := reply[6], reply[7:]
	r.leaseLocked(leased, sent)
	v := mu.v + leased*r.unit // after the last request
	all := int64(0)
	for i := range granted {
		all += granted[i]
	}
	var claims []claim // for those to come
	at := 0
	for run := range runs(batch) {
		for i, a := range run {
			a.granted = int64(i) < granted[at]
		}
		at++
	}
	for _, a := range slices.Backward(batch) {
		if !a.granted {
			a.wait = r.until(a.n*r.unit - v)
			continue
		}
		a.wait = r.until(-v)
		if len(claims) == 0 { // a few at a time: a permit that is held keeps those beside its own
			claims = make([]claim, min(all, 16))
		}
		a.claim, claims, all = &claims[0], claims[1:], all-1
		*a.claim = claim{r: r, t: mu.t, v: v, refunds: mu.refunds, birth: mu.birth}
		v += a.n * r.unit
	}
	for _, a := range batch {
		if a.granted && a.gone {
			r.giveBackLocked(a)
		}
		a.answeredLocked()
	}
}

// until returns when what the bucket lacks will be there.
func (r *Rate) until(lacks int64) time.Duration {
	if lacks <= 0 {
		return 0
	}
	return time.Duration(min((lacks-1)/r.gain+1, int64(never/time.Microsecond))) * time.Microsecond
}
