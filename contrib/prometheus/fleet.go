package belayprometheus

// What a limit that several processes share says, as metrics.

// standing is what a [Fleet] has said, each half of it asked once.
type standing struct {
	local                             bool
	members                           int
	share                             float64
	leased                            int64
	changes, trips, failures, refused uint64
}

func read(f Fleet) (s standing) {
	s.local, s.members, s.share, s.leased = f.Gauges()
	s.changes, s.trips, s.failures, s.refused = f.Counters()
	return s
}

var ofFleets = []family[standing]{
	gauge("belay_fleet_local", "1 while the limit is this process' share alone, 0 while it is shared.",
		func(s standing) float64 { return truth(s.local) }, label),
	gauge("belay_fleet_members", "How many processes share the limit; absent where that is unknown.",
		func(s standing) float64 { return float64(s.members) }, label).where(known),
	gauge("belay_fleet_share", "What this process may do while the limit is local: units, or tokens per second; absent where it is unknown.",
		func(s standing) float64 { return s.share }, label).where(known),
	gauge("belay_fleet_leased", "Units or tokens that this process has in advance.",
		func(s standing) float64 { return float64(s.leased) }, label),
	counter("belay_fleet_changes_total", "Changes between shared and local.",
		func(s standing) float64 { return float64(s.changes) }, label),
	counter("belay_fleet_trips_total", "Round trips to what the limit is shared by.",
		func(s standing) float64 { return float64(s.trips) }, label),
	counter("belay_fleet_failures_total", "Round trips that failed.",
		func(s standing) float64 { return float64(s.failures) }, label),
	counter("belay_fleet_refused_total", "Calls refused by the share alone; those refused include them.",
		func(s standing) float64 { return float64(s.refused) }, label),
}

func known(s standing) bool { return s.members > 0 }
