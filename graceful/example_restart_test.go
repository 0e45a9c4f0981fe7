package graceful_test

// Examples of restarts.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/belay-go/belay/graceful"
)

// A service that SIGUSR2 replaces by the program that is on disk by then. Its
// consumer is never run by two processes.
func ExampleRestartOptions() {
	m := graceful.New(graceful.Options{
		Restart: graceful.RestartOptions{Enabled: true, Probation: 30 * time.Second},
	})
	consumer := graceful.Func("consumer", func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		return nil
	})
	consumer.Exclusive = true
	m.Add(1, consumer)
	m.Add(2, graceful.HTTP("http", ":8080", &http.Server{}))
	fmt.Println(m.State())
	// Output: new
}

// A command over HTTP that restarts the service, and says why if it can't.
func ExampleManager_Restart() {
	m := graceful.New(graceful.Options{Restart: graceful.RestartOptions{Enabled: true}})
	restart := func(ctx context.Context) string {
		switch err := m.Restart(ctx); {
		case errors.Is(err, errors.ErrUnsupported):
			return "stop and start it instead"
		case err != nil:
			return err.Error()
		}
		return "replaced"
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the caller has gone"))
	fmt.Println(restart(ctx))
	// Output: context canceled: the caller has gone
}

// A stop that follows a restart is told from the end of the service.
func ExampleErrRestarted() {
	m := graceful.New(graceful.Options{Signals: nil})
	m.Add(1, graceful.Component{Name: "registry", Stop: func(context.Context) error {
		if !errors.Is(m.Report().Cause, graceful.ErrRestarted) {
			fmt.Println("the service leaves the registry")
		}
		return nil
	}, Start: func(context.Context) error {
		m.Stop(errors.New("done"))
		return nil
	}})
	_, _ = m.Run(context.Background())
	// Output: the service leaves the registry
}

// A service whose clients keep their connections over a restart.
func ExampleComponent_handOverIdle() {
	m := graceful.New(graceful.Options{Restart: graceful.RestartOptions{Enabled: true}})
	server := graceful.HTTP("http", ":8080", &http.Server{})
	server.HandOverIdle = true
	m.Add(1, server)
	fmt.Println(m.State())
	// Output: new
}

// A program whose ticket keys come from elsewhere, since several machines share
// them, keeps choosing them itself.
func ExampleRestartOptions_ownTicketKeys() {
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}
	config.SetSessionTicketKeys([][32]byte{{ /* from a store of secrets */ }})
	m := graceful.New(graceful.Options{
		Restart: graceful.RestartOptions{Enabled: true, OwnTicketKeys: true},
	})
	m.Add(1, graceful.HTTP("https", ":8443", &http.Server{TLSConfig: config}))
	fmt.Println(m.State())
	// Output: new
}
