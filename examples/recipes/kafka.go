package recipes

// github.com/segmentio/kafka-go: a consumer that ends the message it has,
// commits it, and leaves its group, so that its partitions move at once and not
// when the session times out.

import (
	"context"

	"github.com/segmentio/kafka-go"

	"github.com/belay-go/belay/graceful"
)

// KafkaReader is what is used of a *kafka.Reader, so that a test needs no
// broker.
type KafkaReader interface {
	FetchMessage(context.Context) (kafka.Message, error)
	CommitMessages(context.Context, ...kafka.Message) error
	Close() error
}

// Kafka hands one message after the other to handle. Only the wait for the next
// one ends with ctx; the message in hand and its commit go on until the cut.
// FetchMessage, not ReadMessage: that commits before the message is handled.
//
// open returns kafka.NewReader(config). It is called here and not before,
// because NewReader joins the group: the consumer would have partitions before
// what it writes to is up.
func Kafka(open func() KafkaReader, handle func(context.Context, kafka.Message) error) graceful.Component {
	work, cut := context.WithCancel(context.Background())
	return graceful.Component{
		Name: "kafka",
		Cut:  cut,
		Run: func(ctx context.Context, ready func()) error {
			r := open()
			defer r.Close() // leaves the group
			ready()
			for ctx.Err() == nil {
				m, err := r.FetchMessage(ctx)
				if err != nil {
					return err // also the end of ctx, which is no failure
				}
				if err := handle(work, m); err != nil {
					return err // not committed: somebody else gets it
				}
				if err := r.CommitMessages(work, m); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
