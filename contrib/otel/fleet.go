package belayotel

// What a limit that several processes share says, as metrics.

// Fleet is how a shared limit stands, at one instant. The State of contrib/redis
// is one, and so is whatever has these methods:
//
//	Fleets: map[string]func() belayotel.Fleet{
//		"logins": func() belayotel.Fleet { return limit.State() },
//	}
type Fleet interface {
	// Gauges returns whether the limit is local, by how many processes it is
	// shared, 0 if unknown, what this one's share is, and what it has in advance.
	Gauges() (local bool, members int, share float64, leased int64)

	// Counters returns, since the beginning, how often the mode has changed, the
	// round trips, those of them that failed, and the calls that were refused
	// without a word from what the limit is shared by.
	Counters() (changes, trips, failures, refused uint64)
}

// standing is what a [Fleet] has said, each half of it asked once.
type standing struct {
	local                             bool
	members                           int
	share                             float64
	leased                            int64
	changes, trips, failures, refused uint64
}

func standings(fleets map[string]func() Fleet) map[string]func() standing {
	all := make(map[string]func() standing, len(fleets))
	for name, state := range fleets {
		all[name] = func() (s standing) {
			f := state()
			s.local, s.members, s.share, s.leased = f.Gauges()
			s.changes, s.trips, s.failures, s.refused = f.Counters()
			return s
		}
	}
	return all
}

var ofFleets = []family[standing]{
	{"belay.fleet.local", "{process}", "1 while the limit is this process' share alone, 0 while it is shared.", level,
		func(s standing) float64 { return truth(s.local) }, nil},
	{"belay.fleet.members", "{process}", "How many processes share the limit; absent where that is unknown.", state,
		func(s standing) float64 { return float64(s.members) }, known},
	{"belay.fleet.share", "{unit}", "What this process may do while the limit is local: units, or tokens per second; absent where it is unknown.", part,
		func(s standing) float64 { return s.share }, known},
	{"belay.fleet.leased", "{unit}", "Units or tokens that this process has in advance.", level,
		func(s standing) float64 { return float64(s.leased) }, nil},
	{"belay.fleet.changes", "{change}", "Changes between shared and local.", count,
		func(s standing) float64 { return float64(s.changes) }, nil},
	{"belay.fleet.trips", "{trip}", "Round trips to what the limit is shared by.", count,
		func(s standing) float64 { return float64(s.trips) }, nil},
	{"belay.fleet.failures", "{trip}", "Round trips that failed.", count,
		func(s standing) float64 { return float64(s.failures) }, nil},
	{"belay.fleet.refused", "{call}", "Calls refused by the share alone; those refused include them.", count,
		func(s standing) float64 { return float64(s.refused) }, nil},
}

func known(s standing) bool { return s.members > 0 }
