// Package misses has copies that do something, and loops without goroutines.
package misses

import "sync"

type item struct{ n int }

func (i *item) bump() { i.n++ }

func work(n int) {}

func noGoroutine(ns []int) (fs []func()) {
	for _, n := range ns {
		n := n
		fs = append(fs, func() { work(n) })
	}
	return fs
}

// The loop goes on from what the body leaves in its variable; the copy keeps
// it out of that.
func changes() {
	for i := 0; i < 10; i++ {
		i := i
		i++
		go work(i)
	}
	for i := 0; i < 10; i++ {
		i := i
		p := &i
		go func() { *p++ }()
	}
}

func changesParts() {
	for it := (item{}); it.n < 10; it.n++ {
		it := it
		it.n = 3
		go it.bump()
	}
	for it := (item{}); it.n < 10; it.n++ {
		it := it
		it.bump()
		go work(it.n)
	}
	for a := [2]int{}; a[0] < 10; a[0]++ {
		a := a
		a[1]++
		go work(a[1])
	}
	for a := [2]int{}; a[0] < 10; a[0]++ {
		a := a
		s := a[:]
		go func() { s[0]++ }()
	}
}

// Somebody has the original already.
func watched(ns []item) {
	for _, n := range ns {
		see := func() int { return n.n }
		n := n
		n.bump()
		go work(see())
	}
	for _, n := range ns {
		p := &n
		n := n
		p.n++
		go work(n.n)
	}
	for _, n := range ns {
		n.n++
		n := n
		go work(n.n)
	}
}

func assigned(ns []int, next func() (int, error)) {
	for _, n := range ns {
		n := n
		go func() { work(n) }()
		n, err := next()
		work(n)
		_ = err
	}
}

func otherName(ns []int) {
	for _, n := range ns {
		m := n
		go work(m)
	}
}

// A variable from outside of the loop is shared by its rounds.
func outside(ns []int) {
	k := 0
	for range ns {
		k := k
		go work(k)
	}
	var n int
	for _, n = range ns {
		n := n
		go work(n)
	}
	for _, n := range ns {
		{
			n := n
			go work(n)
		}
	}
	k++
}

// The line is a part of a comment's lines.
func crowded(ns []int, wg *sync.WaitGroup) {
	for _, n := range ns {
		n := n /* a
		remark */
		wg.Go(func() { work(n) })
	}
}

func crowdedBefore(ns []int, wg *sync.WaitGroup) {
	for _, n := range ns {
		/* a
		remark */n := n
		wg.Go(func() { work(n) })
	}
}
