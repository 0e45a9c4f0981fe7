package main

// This file compares timeout.Timer with the timers of package time.

import (
	"time"

	"github.com/belay-go/belay/timeout"
)

// mostOfStd is what a Timer may cost of a time.Timer: a quarter more.
const mostOfStd = 1 / 1.25

func timerRows() []row {
	const long = time.Hour // nothing fires
	ready := make(chan struct{}, 1)
	ready <- struct{}{}
	turn := func(c <-chan time.Time) {
		select {
		case v := <-ready:
			ready <- v
		case <-c:
		}
	}
	resets := func(n int) {
		t := time.AfterFunc(long, func() {})
		for range n {
			t.Reset(long)
		}
		t.Stop()
	}
	turns := func(n int) {
		var t timeout.Timer
		for range n {
			t.Reset(long)
			turn(t.C())
		}
		t.Stop()
	}
	return []row{
		{
			shape: "Reset", peer: "time.AfterFunc", target: mostOfStd,
			theirs: resets,
			ours: func(n int) {
				t := timeout.Timer{Func: func() {}}
				for range n {
					t.Reset(long)
				}
				t.Stop()
			},
		},
		{
			shape: "Reset and Stop", peer: "time.AfterFunc", target: mostOfStd,
			theirs: func(n int) {
				t := time.AfterFunc(long, func() {})
				for range n {
					t.Reset(long)
					t.Stop()
				}
			},
			ours: func(n int) {
				t := timeout.Timer{Func: func() {}}
				for range n {
					t.Reset(long)
					t.Stop()
				}
			},
		},
		{
			shape: "Extend", peer: "Reset of time.AfterFunc", target: mostOfStd,
			theirs: resets,
			ours: func(n int) {
				t := timeout.Timer{Func: func() {}}
				t.Reset(long)
				for range n {
					t.Extend(long)
				}
				t.Stop()
			},
		},
		{
			shape: "a fire", peer: "time.AfterFunc", target: mostOfStd,
			theirs: func(n int) {
				fired := make(chan struct{})
				t := time.AfterFunc(long, func() { fired <- struct{}{} })
				for range n {
					t.Reset(0)
					<-fired
				}
			},
			ours: func(n int) {
				fired := make(chan struct{})
				t := timeout.Timer{Func: func() { fired <- struct{}{} }}
				for range n {
					t.Reset(0)
					<-fired
				}
				t.StopWait()
			},
		},
		{
			shape: "a new one, and Stop", peer: "time.AfterFunc",
			theirs: func(n int) {
				for range n {
					time.AfterFunc(long, func() {}).Stop()
				}
			},
			ours: func(n int) {
				for range n {
					t := timeout.Timer{Func: func() {}}
					t.Reset(long)
					t.Stop()
				}
			},
		},
		{
			shape: "a turn of a select that is ready", peer: "time.NewTimer", target: mostOfStd,
			theirs: func(n int) {
				t := time.NewTimer(long)
				for range n {
					t.Reset(long)
					turn(t.C)
				}
				t.Stop()
			},
			ours: turns,
		},
		{
			shape: "a turn of a select that is ready", peer: "time.After",
			theirs: func(n int) {
				for range n {
					turn(time.After(long))
				}
			},
			ours: turns,
		},
	}
}
