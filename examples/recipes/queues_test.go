package recipes_test

// The consumers and the pools, without the servers that they would talk to:
// against a stand-in that speaks as much as is needed.

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/robfig/cron/v3"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/belay-go/belay/examples/recipes"
	"github.com/belay-go/belay/graceful"
)

// topic is a reader that has as many messages as one wants.
type topic struct {
	taking    context.Context // of the last FetchMessage, to see its end
	next      int64
	committed []int64
	left      bool
}

func (p *topic) FetchMessage(ctx context.Context) (kafka.Message, error) {
	if err := ctx.Err(); err != nil {
		return kafka.Message{}, err
	}
	p.taking = ctx
	p.next++
	return kafka.Message{Offset: p.next}, nil
}

func (p *topic) CommitMessages(ctx context.Context, ms ...kafka.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range ms {
		p.committed = append(p.committed, m.Offset)
	}
	return nil
}

func (p *topic) Close() error { p.left = true; return nil }

var _ recipes.KafkaReader = (*kafka.Reader)(nil)

func TestAKafkaConsumerEndsItsMessageCommitsItAndLeaves(t *testing.T) {
	var p topic
	inHand := make(chan int64, 1)
	var handled atomic.Int64
	r := run(t, func(m *graceful.Manager) {
		m.Add(0, recipes.Kafka(func() recipes.KafkaReader { return &p }, func(ctx context.Context, m kafka.Message) error {
			if m.Offset == 3 {
				inHand <- m.Offset
				<-p.taking.Done() // the stop begins in the middle of it
			}
			handled.Add(1)
			return ctx.Err()
		}))
	})
	receive(t, inHand)
	r.endsClean()
	require.EqualValues(t, 3, handled.Load())
	require.Equal(t, []int64{1, 2, 3}, p.committed)
	require.True(t, p.left)
}

func TestAKafkaMessageThatFailsIsNotCommitted(t *testing.T) {
	var p topic
	broken := errors.New("poison")
	var m graceful.Manager
	m.Add(0, recipes.Kafka(func() recipes.KafkaReader { return &p }, func(context.Context, kafka.Message) error { return broken }))
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, broken)
	require.Empty(t, p.committed)
	require.True(t, p.left)
}

func TestAKafkaMessageIsCutAtTheEndOfTheTime(t *testing.T) {
	m := graceful.New(graceful.Options{Budget: 300 * time.Millisecond})
	m.Add(0, recipes.Kafka(func() recipes.KafkaReader { return new(topic) }, func(ctx context.Context, _ kafka.Message) error {
		m.Stop(nil)
		<-ctx.Done()
		return ctx.Err()
	}))
	report, _ := m.Run(t.Context())
	require.Equal(t, "cut", report.Components[0].Outcome)
}

func TestAKafkaReaderWithoutABrokerStopsAtOnce(t *testing.T) {
	r := run(t, func(m *graceful.Manager) {
		m.Add(0, recipes.Kafka(func() recipes.KafkaReader {
			return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{closedPort(t)}, GroupID: "g", Topic: "t"})
		}, func(context.Context, kafka.Message) error { return nil }))
	})
	r.endsClean()
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// natsServer speaks as much of NATS as one subscriber needs: it sends msgs to
// the first subscription, and notes what is published.
type natsServer struct {
	url       string
	published chan string
	mu        sync.Mutex
	unsubbed  bool
}

func newNATS(t *testing.T, msgs ...string) *natsServer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	s := &natsServer{url: "nats://" + ln.Addr().String(), published: make(chan string, 10)}
	go func() { // ends with the connection, or with the listener
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "INFO {\"server_id\":\"s\",\"max_payload\":1000}\r\n")
		s.talk(c, msgs)
	}()
	return s
}

func (s *natsServer) talk(c io.ReadWriter, msgs []string) {
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch word := strings.Fields(line); word[0] {
		case "PING":
			fmt.Fprint(c, "PONG\r\n")
		case "SUB":
			for _, m := range msgs {
				fmt.Fprintf(c, "MSG %s %s %d\r\n%s\r\n", word[1], word[len(word)-1], len(m), m)
			}
		case "UNSUB":
			s.mu.Lock()
			s.unsubbed = true
			s.mu.Unlock()
		case "PUB":
			n, _ := strconv.Atoi(word[len(word)-1])
			body := make([]byte, n+2)
			if _, err := io.ReadFull(lines, body); err != nil {
				return
			}
			s.published <- string(body[:n])
		}
	}
}

func TestANATSConnectionDrainsWhatItHasAndWhatItSays(t *testing.T) {
	s := newNATS(t, "one", "two", "three")
	first, goOn := make(chan struct{}), make(chan struct{})
	r := run(t, func(m *graceful.Manager) {
		m.Add(0, recipes.NATS(s.url, func(nc *nats.Conn) error {
			_, err := nc.Subscribe("work", func(msg *nats.Msg) {
				if string(msg.Data) == "one" {
					close(first)
					<-goOn
				}
				_ = nc.Publish("done", msg.Data) // the server is asked what came
			})
			return err
		}))
	})
	receive(t, first)
	r.Stop(nil)
	for unsubbed := false; !unsubbed; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		unsubbed = s.unsubbed
		s.mu.Unlock()
	}
	r.waits()
	close(goOn)
	r.endsClean()
	for _, want := range []string{"one", "two", "three"} {
		require.Equal(t, want, receive(t, s.published))
	}
}

func TestANATSServerThatIsNotThereFailsTheStart(t *testing.T) {
	var m graceful.Manager
	m.Add(0, recipes.NATS("nats://"+closedPort(t), func(*nats.Conn) error { return nil }))
	_, err := m.Run(t.Context())
	require.ErrorContains(t, err, "graceful: nats: start: nats: no servers available")
}

func TestASubscriptionThatFailsClosesItsConnection(t *testing.T) {
	s := newNATS(t)
	broken := errors.New("no such stream")
	var conn *nats.Conn
	var m graceful.Manager
	m.Add(0, recipes.NATS(s.url, func(nc *nats.Conn) error { conn = nc; return broken }))
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, broken)
	require.True(t, conn.IsClosed())
}

// always is a cron schedule that is due every millisecond.
type always struct{}

func (always) Next(now time.Time) time.Time { return now.Add(time.Millisecond) }

func TestACronJobThatRunsIsWaitedFor(t *testing.T) {
	running, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var ended atomic.Bool
	c := cron.New()
	c.Schedule(always{}, cron.FuncJob(func() {
		once.Do(func() {
			close(running)
			<-goOn
			ended.Store(true)
		})
	}))
	r := run(t, func(m *graceful.Manager) { m.Add(0, recipes.Cron(c, nil)) })
	receive(t, running)
	r.Stop(nil)
	r.waits()
	close(goOn)
	r.endsClean()
	require.True(t, ended.Load())
}

func TestACronJobThatHangsIsCut(t *testing.T) {
	jobs, cut := context.WithCancel(t.Context())
	running := make(chan struct{}, 1000)
	c := cron.New()
	c.Schedule(always{}, cron.FuncJob(func() { running <- struct{}{}; <-jobs.Done() }))
	m := graceful.New(graceful.Options{Budget: 300 * time.Millisecond})
	m.Add(0, recipes.Cron(c, cut))
	m.Add(1, graceful.Component{Name: "stop", Start: func(context.Context) error { <-running; m.Stop(nil); return nil }})
	report, _ := m.Run(t.Context())
	require.Equal(t, "cut", report.Components[1].Outcome)
	require.Error(t, jobs.Err())
}

// fake is a database that can be pinged and closed.
type fake struct {
	down error
	open atomic.Int32
}

func (f *fake) Connect(context.Context) (driver.Conn, error) {
	if f.down != nil {
		return nil, f.down
	}
	f.open.Add(1)
	return fakeConn{f}, nil
}
func (f *fake) Driver() driver.Driver { return nil }

type fakeConn struct{ f *fake }

func (c fakeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrBadConn }
func (c fakeConn) Begin() (driver.Tx, error)           { return nil, driver.ErrBadConn }
func (c fakeConn) Close() error                        { c.f.open.Add(-1); return nil }

func TestAPoolIsConnectedWhenItIsUpAndClosedAtTheEnd(t *testing.T) {
	var f fake
	r := run(t, func(m *graceful.Manager) { m.Add(0, recipes.SQL(sql.OpenDB(&f))) })
	require.EqualValues(t, 1, f.open.Load())
	r.endsClean()
	require.Zero(t, f.open.Load())
}

func TestADatabaseThatIsDownFailsTheStart(t *testing.T) {
	f := fake{down: errors.New("connection refused")}
	var m graceful.Manager
	m.Add(0, recipes.SQL(sql.OpenDB(&f)))
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, f.down)
}

func TestAConnectionThatIsStillHeldIsReported(t *testing.T) {
	db := sql.OpenDB(new(fake))
	r := run(t, func(m *graceful.Manager) { m.Add(0, recipes.SQL(db)) })
	held, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = r.end()
	require.ErrorContains(t, err, "graceful: db: stop: closed with 1 connections in use")
	require.NoError(t, held.Close())
}

// exporter notes the spans that it was given.
type exporter struct {
	names []string
	shut  bool
}

func (e *exporter) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	for _, s := range spans {
		e.names = append(e.names, s.Name())
	}
	return nil
}

func (e *exporter) Shutdown(context.Context) error { e.shut = true; return nil }

func TestTheSpansOfTheStopAreFlushedToo(t *testing.T) {
	var e exporter
	provider := trace.NewTracerProvider(trace.WithBatcher(&e, trace.WithBatchTimeout(time.Hour)))
	r := run(t, func(m *graceful.Manager) {
		m.Add(0, recipes.Traces(provider))
		m.Add(1, graceful.Component{Name: "worker", Stop: func(ctx context.Context) error {
			_, span := provider.Tracer("test").Start(ctx, "last batch")
			span.End()
			return nil
		}})
	})
	r.endsClean()
	require.Equal(t, []string{"last batch"}, e.names)
	require.True(t, e.shut)
}
