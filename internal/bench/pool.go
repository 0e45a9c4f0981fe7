package main

// This file compares limiter/pool with jackc/puddle, the pool below pgx, and with
// that of database/sql, over resources that cost nothing: what a pool adds to each
// use of a connection.

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/puddle/v2"

	"github.com/belay-go/belay/limiter/pool"
)

// thing is what is pooled.
type thing struct{ uses int }

func puddleTurns(size int) func(context.Context, int, func()) {
	p, err := puddle.NewPool(&puddle.Config[*thing]{
		Constructor: func(context.Context) (*thing, error) { return new(thing), nil },
		Destructor:  func(*thing) {},
		MaxSize:     int32(size),
	})
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, n int, work func()) {
		for range n {
			r, err := p.Acquire(ctx)
			if err != nil {
				return
			}
			r.Value().uses++
			if work != nil {
				work()
			}
			r.Release()
		}
	}
}

func sqlTurns(size int) func(context.Context, int, func()) {
	db := sql.OpenDB(idleDriver{})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return func(ctx context.Context, n int, work func()) {
		for range n {
			c, err := db.Conn(ctx)
			if err != nil {
				return
			}
			if work != nil {
				work()
			}
			_ = c.Close()
		}
	}
}

// poolTurns is for a pool without times, or with all that one has in front of a
// server: lifetimes, idle times, and a check that is not due.
func poolTurns(times bool) turns {
	return func(size int) func(context.Context, int, func()) {
		o := pool.Options[*thing]{
			MaxOpen: size,
			Open:    func(context.Context) (*thing, error) { return new(thing), nil },
		}
		if times {
			o.MaxLifetime, o.MaxIdleTime = time.Hour, 10*time.Minute
			o.Check, o.CheckAfter = func(context.Context, *thing) error { return nil }, time.Minute
		}
		p := pool.New(o)
		return func(ctx context.Context, n int, work func()) {
			for range n {
				h, err := p.Get(ctx)
				if err != nil {
					return
				}
				h.Value().uses++
				if work != nil {
					work()
				}
				h.Release()
			}
		}
	}
}

// idleDriver is a driver whose connections do nothing.
type idleDriver struct{}

func (idleDriver) Connect(context.Context) (driver.Conn, error) { return idleDriver{}, nil }
func (idleDriver) Driver() driver.Driver                        { return idleDriver{} }
func (idleDriver) Open(string) (driver.Conn, error)             { return idleDriver{}, nil }
func (idleDriver) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (idleDriver) Begin() (driver.Tx, error)                    { return nil, errors.ErrUnsupported }
func (idleDriver) Close() error                                 { return nil }

func poolRows() []row {
	var rows []row
	add := func(what, peer string, target float64, goroutines, size int, theirs, ours turns) {
		var work func()
		if goroutines > 1 {
			work = runtime.Gosched // so that others really come in between
		}
		rows = append(rows, row{
			shape:  fmt.Sprintf("%s, %d goroutines, %d resources", what, goroutines, size),
			peer:   peer,
			target: target,
			theirs: func(n int) { takeTurns(theirs(size), goroutines, n, work) },
			ours:   func(n int) { takeTurns(ours(size), goroutines, n, work) },
		})
	}
	for _, c := range []struct {
		goroutines, size int
		target           float64
	}{{1, 1, 1.4}, {1, 100, 1.4}, {2, 2, 1}, {64, 100, 1}, {64, 16, 1}} {
		add("Get and Release", "puddle", c.target, c.goroutines, c.size, puddleTurns, poolTurns(false))
		add("the same with lifetimes", "puddle", 0, c.goroutines, c.size, puddleTurns, poolTurns(true))
		add("Get and Release", "database/sql", c.target, c.goroutines, c.size, sqlTurns, poolTurns(false))
	}
	return rows
}
