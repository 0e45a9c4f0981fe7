package main

// This file has the pools of other people as groups, used as their
// documentation does, and the fixed pool that one writes oneself. They queue
// without bound, or keep goroutines between jobs, or have no errors: the
// comparison is of what they cost, not of what they do.

import (
	"sync"

	"github.com/alitto/pond/v2"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/pool"
)

var fixedPool = side{"fixed pool", func() group { return new(unsafePool) }}

var otherPools = []side{
	{"conc", func() group { return new(concPool) }},
	{"pond", func() group { return new(pondPool) }},
	{"ants", func() group { return new(antsPool) }},
	{"workerpool", func() group { return new(workerPool) }},
}

// unsafePool is the fastest that can be had: so many goroutines that range over
// a channel. A panic or Goexit takes a worker away, and with the last of them
// the program hangs; all workers are started for the first task.
type unsafePool struct {
	tasks   chan func() error
	workers sync.WaitGroup
	first   firstError
}

func (p *unsafePool) SetLimit(n int) {
	p.tasks = make(chan func() error, n)
	for range n {
		p.workers.Go(func() { // ends with the channel
			for task := range p.tasks {
				p.first.set(task())
			}
		})
	}
}

func (p *unsafePool) Go(task func() error) { p.tasks <- task }

func (p *unsafePool) Wait() error {
	close(p.tasks)
	p.workers.Wait()
	return p.first.err
}

type concPool struct{ pool *pool.ErrorPool }

func (p *concPool) SetLimit(n int)       { p.pool = pool.New().WithErrors().WithMaxGoroutines(n) }
func (p *concPool) Go(task func() error) { p.pool.Go(task) }
func (p *concPool) Wait() error          { return p.pool.Wait() }

type pondPool struct {
	pool  pond.Pool
	group pond.TaskGroup
}

func (p *pondPool) SetLimit(n int) {
	p.pool = pond.NewPool(n)
	p.group = p.pool.NewGroup()
}

func (p *pondPool) Go(task func() error) { p.group.SubmitErr(task) }

func (p *pondPool) Wait() error {
	defer p.pool.StopAndWait()
	return p.group.Wait()
}

// antsPool has what one has to add to a pool that knows neither errors nor the
// end of a job.
type antsPool struct {
	pool  *ants.Pool
	tasks sync.WaitGroup
	first firstError
}

func (p *antsPool) SetLimit(n int) {
	pool, err := ants.NewPool(n)
	p.first.set(err)
	p.pool = pool
}

func (p *antsPool) Go(task func() error) {
	p.tasks.Add(1)
	if err := p.pool.Submit(func() {
		defer p.tasks.Done()
		p.first.set(task())
	}); err != nil {
		p.tasks.Done()
		p.first.set(err)
	}
}

func (p *antsPool) Wait() error {
	p.tasks.Wait()
	p.pool.Release()
	return p.first.err
}

type workerPool struct {
	pool  *workerpool.WorkerPool
	first firstError
}

func (p *workerPool) SetLimit(n int) { p.pool = workerpool.New(n) }

func (p *workerPool) Go(task func() error) {
	p.pool.Submit(func() { p.first.set(task()) })
}

func (p *workerPool) Wait() error {
	p.pool.StopWait()
	return p.first.err
}

// firstError is the first that was set. It may be read when all is done.
type firstError struct {
	once sync.Once
	err  error
}

func (f *firstError) set(err error) {
	if err != nil {
		f.once.Do(func() { f.err = err })
	}
}
