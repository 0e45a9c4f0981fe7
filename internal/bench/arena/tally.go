package main

// This file counts what came of the requests, by phase.

import (
	"math/bits"
	"time"
)

// transient is how long after a step a limiter is judged for how it takes it.
const transient = 5 * time.Second

// interval is what came of the requests that arrived in a time.
type interval struct {
	arrived, refused, good, bad int
	turned                      int // refused at least once, answered or not
	late                        histogram
}

func (i *interval) add(o *interval) {
	i.arrived += o.arrived
	i.refused += o.refused
	i.turned += o.turned
	i.good += o.good
	i.bad += o.bad
	i.late.add(&o.late)
}

// refusals is the share of requests that were refused, if only at first.
func (i *interval) refusals() float64 { return share(i.turned, i.arrived) }

func share(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// count is of one phase: its whole, its first seconds, and what is settled of it.
type count struct{ whole, first, settled interval }

func (c *count) add(o *count) {
	c.whole.add(&o.whole)
	c.first.add(&o.first)
	c.settled.add(&o.settled)
}

// tally is of a run, or of several with other seeds.
type tally []count

func (t tally) add(o tally) {
	for i := range t {
		t[i].add(&o[i])
	}
}

// histogram counts times, in steps of less than one percent.
type histogram struct {
	n    int
	each []uint32
}

const fine = 7 // bits that tell times apart, below the highest

func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<fine {
		return int(v)
	}
	shift := bits.Len64(v) - fine - 1
	return shift<<fine + int(v>>shift)
}

func (h *histogram) count(d time.Duration) {
	if h.each == nil {
		h.each = make([]uint32, bucket(1<<42))
	}
	h.n++
	h.each[min(bucket(d), len(h.each)-1)]++
}

func (h *histogram) add(o *histogram) {
	if o.each == nil {
		return
	}
	if h.each == nil {
		h.each = make([]uint32, len(o.each))
	}
	h.n += o.n
	for i, n := range o.each {
		h.each[i] += n
	}
}

// quantile returns the time that a share of all is below, 0 if there is none.
func (h *histogram) quantile(q float64) time.Duration {
	below := int(q * float64(h.n))
	for i, n := range h.each {
		if below -= int(n); below < 0 {
			if i < 2<<fine {
				return time.Duration(i)
			}
			shift := i>>fine - 1
			return time.Duration(uint64(i&(1<<fine-1)|1<<fine) << shift)
		}
	}
	return 0
}
