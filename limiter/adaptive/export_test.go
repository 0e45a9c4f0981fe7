package adaptive

// This file lets tests read the account of a limiter as its law does, and keep one of
// their own.

import "time"

// Reading is the clock of accounts.
var Reading = reading

const (
	CountBits = countBits
	Tick      = tick
	Stale     = stale
)

// Window is a window as the law gets it.
type Window struct{ Span, Area, Done, Arrived, Limited, Slack float64 }

// Whole reports whether the law would use it.
func (w Window) Whole() bool {
	return window{span: w.Span, area: w.Area, done: w.Done, arrived: w.Arrived, limited: w.Limited, slack: w.Slack}.whole()
}

// Account is an account with books of its own.
type Account struct {
	account *account
	books   books
}

// NewAccount returns one that begins at this instant, with tallies that have these
// bits already.
func NewAccount(at time.Duration, bits uint64) *Account {
	a := &Account{account: new(account)}
	a.account.in.bits.Store(bits)
	a.account.out.bits.Store(-bits)
	a.books = books{begin: at, in: bits, out: -bits}
	return a
}

// AccountOf returns the account of a limiter, with books that begin now.
func AccountOf(l *Limiter) *Account {
	a := &Account{account: &l.account}
	_, a.books = a.books.read(a.account, reading())
	a.books.inFlight = l.word.Load() / unit
	return a
}

// Read ends a window at this instant.
func (a *Account) Read(at time.Duration) Window {
	w, next := a.books.read(a.account, at)
	a.books = next
	return Window{w.span, w.area, w.done, w.arrived, w.limited, w.slack}
}

// InFlight and Granted are what the books say.
func (a *Account) InFlight() int64 { return a.books.inFlight }
func (a *Account) Granted() uint64 { return a.books.granted }

// Enter, Leave, Drop, Forget, TurnAway and Queue are what happens to n units.
func (a *Account) Enter(at time.Duration, n int64) { a.account.in.add(at, n) }
func (a *Account) Leave(at time.Duration, n int64) { a.account.out.add(at, n) }
func (a *Account) Drop(at time.Duration, n int64) {
	a.account.dropped.Add(n)
	a.account.out.add(at, n)
}
func (a *Account) Forget(since time.Duration, n int64) { a.account.in.forget(since, n) }
func (a *Account) TurnAway(n int64)                    { a.account.turned.Add(n) }
func (a *Account) Queue(n int64)                       { a.account.waited.Add(n) }

// Slacken and Tighten are told that there is too little in flight, and enough.
func (a *Account) Slacken(at time.Duration) { a.account.slacken(at) }
func (a *Account) Tighten(at time.Duration) { a.account.tighten(at) }
