// Package drive is the judge behind the service's -drive flag. It starts its
// own binary as server processes, puts load on them from outside with clients
// that never retry, disturbs them, and says what was lost.
//
// Every act runs twice on the same handlers and under the same load: plain,
// stopped as the docs of net/http and grpc show and restarted by handing over
// its sockets before that, and belay. If the plain
// server loses nothing, the load was too weak to show anything, and the run
// says that instead of passing. Afterwards one server of each kind is stopped
// while a component hangs that was planted, to see who says so.
//
// The words are those of CONTRACT.md. A request is lost when a byte of it was
// sent, or its connection was accepted, and no complete answer came; it is
// refused when its connection was not accepted any more, and shed when it was
// turned away with 429, 503 or ResourceExhausted. Each is counted apart.
//
// A server never outlives the driver: it is killed when the driver returns or
// is interrupted, and by the kernel (on Linux) should the driver be killed,
// unless the server was restarted by then: its new process is nobody's child.
//
// The package serves nothing itself and uses nothing of the module that it
// judges. It measures one machine under full load, so its times are upper
// bounds; it proves that something was lost, and for nothing lost it only
// says how hard it tried. It does not run where SIGTERM does not exist.
package drive

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// What Main returns.
const (
	exitPass   = 0 // belay lost nothing and the hang was named
	exitFail   = 1 // belay lost something, left something behind, or named nothing
	exitNoRun  = 2 // the run could not be made at all, or was interrupted
	exitHollow = 4 // the control lost nothing either: nothing is proved
)

// Config is what the driver is given by the command line.
type Config struct {
	// Root is the folder that the servers serve.
	Root string
	// Stdout gets the screen at the end, Stderr the progress and everything
	// that goes wrong.
	Stdout, Stderr io.Writer
}

// Main makes one run and returns the code that the process should exit with:
// 0 if belay lost nothing and named the hang, 1 if it did not, 2 if the run
// could not be made, which Stderr then explains in one line, and 4 if the
// control lost nothing in three tries. It takes half a minute at most, ends
// its servers before it returns, on SIGINT and SIGTERM too, and must not be
// called concurrently with itself.
func Main(c Config) (exit int) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	start := time.Now()
	d, err := newDriver(c)
	if err == nil {
		defer d.children.killAll()
		defer context.AfterFunc(ctx, d.children.killAll)()
		err = d.run(ctx)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		fmt.Fprintf(c.Stderr, "drive: %v\n", err)
		return exitNoRun
	}
	d.results.took = time.Since(start)
	text, exit := d.results.screen()
	io.WriteString(c.Stdout, text)
	return exit
}

// driver is one run.
type driver struct {
	progress *progress
	children *children
	sample   sample
	results  results
}

func newDriver(c Config) (*driver, error) {
	if !canStop {
		return nil, errNoSignals
	}
	if err := adopt(); err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the binary to start: %w", err)
	}
	s, err := newSample(c.Root)
	if err != nil {
		return nil, fmt.Errorf("flag -root: %w", err)
	}
	return &driver{
		progress: newProgress(c.Stderr),
		children: &children{exe: exe, root: c.Root},
		sample:   s,
		results:  newResults(),
	}, nil
}

// run plays all acts, then the hang. Plain and belay take turns, so that what
// the machine does meanwhile hits both.
func (d *driver) run(ctx context.Context) error {
	for i, a := range acts {
		for range a.rounds {
			for _, k := range kinds {
				if err := d.play(ctx, i, k); err != nil {
					return err
				}
			}
		}
		for tries := 1; tries < controlTries && !d.results.controlLost(i); tries++ {
			for range a.rounds {
				if err := d.play(ctx, i, plain); err != nil {
					return err
				}
			}
		}
	}
	return d.hang(ctx)
}

// play makes one round and adds it to the results.
func (d *driver) play(ctx context.Context, act int, k kind) error {
	title := fmt.Sprintf("%s, %s", acts[act].title, k)
	if most := acts[act].rounds; most > 1 {
		title = fmt.Sprintf("%s %d of %d, %s", acts[act].title, len(d.results.rounds[act][k])+1, most, k)
	}
	d.progress.show("%s ...", title)
	r, err := d.round(ctx, acts[act], k)
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	d.results.add(act, k, r)
	d.progress.note("%s: answered %s, lost %s, refused %s", title,
		count(r.total(answered)), count(r.total(lost)), count(r.total(refused)))
	if k == belay {
		d.progress.details(r)
	}
	return nil
}
