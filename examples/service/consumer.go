package main

// A planted fault: a component that never stops, to see what a stop says of
// it. Nothing but SERVICE_HANG=consumer adds it.

import (
	"context"

	"github.com/belay-go/belay/graceful"
)

// consumer collects events and sends the last of them on when it stops.
type consumer struct {
	downstream chan string
	pending    []string
}

func newConsumer() *consumer {
	return &consumer{downstream: make(chan string), pending: []string{"the last event"}}
}

func (c *consumer) component() graceful.Component {
	return graceful.Component{Name: "consumer", Stop: func(context.Context) error {
		c.flush()
		return nil
	}}
}

// flush sends what is left. The mistake is a common one: whoever received
// from downstream has stopped first, so the send waits for ever.
func (c *consumer) flush() {
	for _, event := range c.pending {
		c.downstream <- event
	}
}
