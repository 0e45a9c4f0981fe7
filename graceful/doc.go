// Package graceful starts the parts of a process in order and stops them
// without losing what they have accepted.
//
// A [Manager] holds components in phases. [Manager.Run] binds the sockets of
// all of them first, so that an address in use is reported before anything has
// happened; then it starts the phases in ascending order, the components of
// one phase at the same time, each phase only when the one before is up. A
// component is up when it says so, not when its goroutine runs. The process is
// ready when all of them are.
//
// SIGINT, SIGTERM, the end of the context given to Run, a call of
// [Manager.Stop] or the failure of a component begin the stop: the same phases
// in descending order, each only when the one above has ended or ran out of
// its time. Whatever has never been started is never stopped, and no phase is
// started once a stop has begun.
//
// # The budget
//
// All of the stop happens within one total, 25 s unless [Options.Budget] says
// otherwise: in Kubernetes it should be terminationGracePeriodSeconds, less
// any preStop hook, less 2 s. A phase may use what is left of the total, its
// components' own limits, and a reserve kept for each phase after it; what it
// does not use flows on. The last 500 ms (a tenth, of a budget below 5 s) are
// the report's. What has not stopped in time is cut: its connections are
// closed, its contexts cancelled. What does not even end then is abandoned and
// called stuck; Run returns all the same, and the [Report] names it. The end
// of the context given to Run begins the stop and does not shorten it.
//
// # What a stop does to a server
//
// net/http's Shutdown drops connections that were accepted but not yet read,
// and requests that cross its closing of idle connections. So here a stop
// goes: readiness off; no new connection, but those that the kernel has
// already accepted for us are taken and served; every response tells its
// client to go elsewhere (Connection: close, GOAWAY); requests in flight end;
// then connections that have not sent a whole request head for 50 ms are
// closed (longer, up to a second, while the machine is too busy to tell silence
// from want of time), and Shutdown comes last, when it has nothing left to
// drop. All of that is driven by the connections' states, so Run returns when
// the last response is out and not at some poll after it. A request that
// reaches an idle http/1.1 connection in the instant in which it is closed is
// still lost, as the protocol has it.
//
// # Signals
//
// They are safe from the first instruction of Run: one that comes while
// starting begins the stop as well. A second SIGINT forces: everything is cut
// at once and reported. A repeated SIGTERM changes nothing and is logged with
// the time that is left; the same signal twice within 200 ms (the process
// group and the pid) counts once. SIGQUIT keeps Go's stack dump unless it is
// in [Options.Signals].
//
// # Failure, panic, misuse
//
// A component fails when it returns an error, returns at all although it was
// to run on, or leaves by runtime.Goexit. Then the rest is stopped in order
// and Run returns a [*ComponentError]. A panic in a component crashes the
// process as it would without this package; during the stop, a panic of a stop
// hook is contained, reported with its stack, and the others still stop.
// Errors during the stop are joined to the one that caused it and never
// replace it. Every context that a component or a request gets has a cause:
// the [*SignalError], the ComponentError, or the error given to Stop. Misuse
// (a name used twice, Add after Run, a second Run) panics with a fixed text.
//
// # States
//
// A manager goes through its states in one direction only:
//
//	new -> starting -> ready -> pre-stop -> draining -> stopping -> done
//
// It may skip ready (a stop while starting) and draining (no sockets). "new"
// ends with Run, "starting" when every component is up, "ready" with the first
// reason to stop. In "pre-stop" readiness is off and nothing else has changed;
// in "draining" at least one component with a socket has not stopped yet; in
// "stopping" only others are left; "done" is when Run returns.
//
// # What it will not do
//
// It never calls os.Exit and never restarts a component that failed: that is
// the work of a supervisor, inside or outside of the process. It cannot kill a
// goroutine: what is stuck stays, and is named. It does not look for
// dependencies between components; a phase is a number. Where the kernel gives
// no way to close a socket's queue first (TCP outside of Linux), a connection
// that completes its handshake in the instant in which accepting ends can be
// reset.
package graceful
