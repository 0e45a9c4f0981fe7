package main

// A rate for each client, in memory that doesn't grow: however many addresses
// there are, or are made up, they share one table.

import "github.com/belay-go/belay/limiter/keyed"

const (
	// busyClients is how many clients have less than a full bucket at once, at
	// most: those of the last second. The table for them takes 600 KiB.
	busyClients = 1 << 14
	// newClients is how many clients' worth the bucket is that those share who
	// come while the table is full.
	newClients = 16
)

// newClientRates allows each client perSecond requests a second, and as many at
// once after a pause.
func newClientRates(perSecond int) *keyed.Rate[string] {
	return keyed.NewRate[string](keyed.RateOptions{
		Keys:     busyClients,
		Limit:    float64(perSecond),
		Burst:    int64(perSecond),
		Overflow: newClients,
	})
}
