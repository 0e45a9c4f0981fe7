package adaptive

// This file is the law's numbers, each with its reason: how many requests it takes to
// tell a change from chance, and what a mistake costs. They were tried in the arena
// (internal/bench/arena); none was found by a search over its scenarios.

import "time"

// How long and how large a window is.
const (
	// enough is how many done make a window worth judging: the mean of a hundred
	// times that vary as much as they are long is good to 10 %. A small server
	// takes as many as few, rather than have no window for seconds.
	enough, few = 100, 20
	// rounds is how often a full server turns over in a window, if that is less: then
	// a window is as good to it as a hundred are to a large one.
	rounds = 4
	// probed is enough for a probe: its result is added to earlier ones.
	probed = 60
	// shortest, and edges times R, is the least length of a window: who is in flight
	// at one of its edges counts in A for what is within, and in N wholly or not.
	shortest, edges = 10 * time.Millisecond, 3
	// patient is when a window with few done is judged; silent, or hopeless times R if
	// that is longer, is when one with almost none is.
	patient, silent, hopeless = 250 * time.Millisecond, time.Second, 10
	// stale is when a window says nothing any more: the clock is another, or the
	// process was asleep.
	stale = time.Minute
	// memory is how many done the mean that is base remembers.
	memory = 1000
)

// What is more than chance.
const (
	// resolution, in seconds, is what times are too short below to be told apart: twenty
	// ticks of the account, and about as many times what a grant costs.
	resolution = 5e-6
	// alike is what two means that are the same may differ by, each good to 10 % or a
	// little more; near is the same for those that are to be added up, where to be
	// wrong costs less.
	alike, near = 1.3, 1.33
	// some is the share of those who meet the limit that is no accident.
	some = .01
	// waiting is by how much R is above base where there is a queue that matters:
	// more than by chance, and as much as a server at 90 % of its capacity has.
	waiting = 1.5
	// longer and shorter are what R of a probe may differ from base by to confirm it.
	longer, shorter = 1.2, .85
	// levelUp and levelDown are what two numbers in flight may differ by to be the same.
	levelUp, levelDown = 1.1, .8
	// same is what R may have grown by where fewer in flight have not changed it.
	same = 1.15
	// lost is the part of the rate that is less than any chance: what the server is
	// has changed.
	lost = .6
	// asFast is the part of the rate that is as fast as before.
	asFast = .85
)

// Overload, and its end.
const (
	// stands is how long a queue has to be there to be no burst's. It is twice the
	// interval of CoDel (RFC 8289, 3.2), which looks at every packet.
	stands = 200 * time.Millisecond
	// busy is the part of a window for which a server whose queue stands has not
	// enough to do, at most; pausing is the part from which on its load comes in
	// bursts. Between them nothing changes.
	busy, pausing = .1, .2
	// calm is how many windows have to be without an overload in a row for its end,
	// with less than calmBelow of the limit in flight.
	calm, calmBelow = 4, .85
)

// Where the limit is.
const (
	// margin is what the knee is raised by, as X and base are means of about a
	// hundred: to be wrong upwards costs that much latency, downwards as much
	// throughput, and more at each turn, as X follows.
	margin = 1.1
	// idle is the part of the time for which a server of one place may have nothing
	// to do while others are turned away, and idleMost that of any. See headroom.
	idle, idleMost = .02, .5
	// unbounded is what a request may take, in times of base, if no goal says it.
	unbounded = 4
	// roomy is the part of the goal that a burst may fill, and standing that which a
	// queue may that is always there: the rest is for requests that take longer than
	// others.
	roomy, standing = .8, .6
	// peaks is how many times the mean in flight may be there by chance, at light load
	// and for a handful.
	peaks = 4
	// doubled raises a limit that is met without a queue, as TCP's slow start does (RFC
	// 5681, 3.1); wane lets it sink, by so little that a burst every few seconds finds
	// it where the last one left it.
	doubled, wane = 2, .98
	// forgets is the part of the best rate that is forgotten in a second.
	forgets = .1
	// grow raises a limit at the knee at which nobody waits: as BBR looks for more
	// bandwidth. It takes growing windows, as one may be so by chance.
	grow, growing = 1.25, 2
	// shrink lowers the limit where nothing gets done.
	shrink = .7
	// follows is the part by which a rate is followed at what is in flight there.
	follows = .2
)

// Probes.
const (
	// ebb is the part of the knee that a probe leaves in flight: below it by more
	// than margin and chance, and as little below as that allows, for what it costs.
	ebb = .6
	// half is how much of what a queue would make R shorter by is a queue: more than
	// half, so that chance decides for none.
	half = .6
	// often is how long after a probe the next may come, in times of how long it
	// took. A probe loses 1-ebb of the throughput, so all of them cost 1.5 %. One that
	// has a reason may come sooner.
	often, sooner = 27, 10
	// every is the least time between two probes that have no other reason.
	every = 5 * time.Second
	// deepest is how often one probe may go lower: to a twentieth of where it began.
	deepest = 6
	// unchanged is what R may be above that of a probe if there was no queue before it.
	unchanged = 1.05
)
