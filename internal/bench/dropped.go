package main

// This file holds the designs that errgroup did not take against the claims that
// decided.

import "github.com/belay-go/belay/internal/bench/dropped"

func droppedRows() (rows []row) {
	claims := append(emptyClaims(), paceClaims(cpu(1), cpu(3), cpu(10), mix())...)
	for _, design := range dropped.Designs {
		as := side{design.Name, func() group { return dropped.New(design) }}
		for _, c := range claims {
			r := tasks(xsyncs, as, c)
			r.shape = as.name + ": " + r.shape
			rows = append(rows, r)
		}
	}
	return rows
}
