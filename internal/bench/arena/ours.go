package main

// This file says which limiter is ours. It is the only one to change for another.

var ours = entrant{
	name:  "stand-in",
	about: "a simple limiter in ours' place",
	core:  newStandIn,
}
