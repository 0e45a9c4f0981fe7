// Package graceful starts the parts of a process in order and stops them
// without losing what they have accepted, within one budget: in Kubernetes,
// terminationGracePeriodSeconds, less what a preStop hook takes, less 2 s. What
// does not stop in time is named with the line at which it hangs, while there
// is still time to read it.
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
// otherwise. A phase may use what is left of the total, its components' own
// limits, and a reserve kept for each phase after it; what it does not use
// flows on. The last 500 ms (a tenth, of a budget below 5 s) are the report's.
// What has not stopped in time is cut: its connections are closed, its contexts
// cancelled. What does not even end then is abandoned and called stuck; Run
// returns all the same, and the [Report] names it. The end of the context given
// to Run begins the stop and does not shorten it. Run logs the plan when it
// begins, and warns when the limits and the delay exceed the total.
//
// # What a stop does to a server
//
// net/http's Shutdown drops connections that were accepted but not yet read,
// and requests that cross its closing of idle connections. So here a stop
// goes:
//
//   - Readiness is off, liveness is not. The [Component.PreStop] hooks run.
//   - After SIGTERM in Kubernetes, or if [Options.Delay] says so, everything
//     serves on for a while, for load balancers to notice. Meanwhile clients
//     are told to go (Connection: close, GOAWAY), each connection at a random
//     moment of the delay, so that they neither leave all at once nor dial for
//     every request.
//   - Accepting ends. Connections that the kernel has already accepted for us
//     are taken and served. From here on every response sends its client away,
//     and streams learn from [Draining] that they should come to an end.
//   - Requests in flight end. A connection that has never sent a whole request
//     head is closed 150 ms after the end of accepting, idle ones at the very
//     end: when nothing is active, accepting has ended 50 ms ago (longer, up to
//     a second, while the machine is too busy to tell silence from want of
//     time), nothing is in their buffers, and their clients have had the time
//     to send again that other clients have been seen to take.
//   - Connections that speak h2 get a GOAWAY with their next answer, or else
//     50 ms after the end of accepting, at once where nothing is active, and
//     then 50 ms without a stream to be closed by their clients. Shutdown comes last, when it has nothing left to
//     drop.
//
// All of that is driven by the connections' states, so Run returns when the
// last response is out and not at some poll after it. (Hijacked connections
// that outlive their handlers have no state; they alone are looked at every
// 5 ms.) A request that reaches an idle http/1.1 connection in the instant in
// which it is closed is still lost, as the protocol has it.
//
// # Where it hangs
//
// The goroutines of a component carry its name as the pprof label
// "graceful.component", which those that they start inherit. When its time is
// up, before it is cut and once more afterwards, at each quarter of a stop that
// takes long (at 5, 10, 20 s and so on without a budget), and at 10, 20, 40 s
// of a start, one goroutine profile tells what they wait for and at which
// line: in [Result].Where, in the report, and in one line of the log, so that
// whoever kills the process after a quarter of its budget has had the name of
// the culprit. A stop that is quick takes no profile. Goroutines that were not
// started by the component, such as those of a package-level pool, carry
// somebody else's name or none, and are not found.
//
// [Manager.Report] says at any time what Run would return if it ended now,
// [Manager.Inspect] looks at the goroutines again, and [Manager.Conns] lists
// the connections of http servers. Package graceful/status shows all of it as a
// page, for an address that clients can't reach.
//
// # Below a supervisor
//
// Below systemd (Type=notify), Run says READY=1 when the process is ready,
// STOPPING=1 when the stop begins, and what a long start or stop waits for as
// STATUS. A stop asks for as much time as its budget has left, and 5 s for
// main. With WatchdogSec the pings come from Run's goroutine: an OnReady or a
// logger that blocks it for that long gets the process killed. NOTIFY_SOCKET is
// taken out of the environment; children that should speak for the service must
// be given it. In Kubernetes the same lines, and the report of a stop that was
// not clean, go to [Options.TerminationLog], which kubectl describe shows. As
// PID 1 signals work as anywhere; whoever starts processes that leave orphans
// needs an init that reaps them. PLATFORMS.md, in this folder, says what
// differs between systems, and deploy has manifests.
//
// # Restart
//
// With [Options.Restart], another process can take this one's place: for a new
// version, or a new configuration that is read at the start alone. SIGUSR2 asks
// for it, or [Manager.Restart] does. No client has to notice:
//
//	old                                   new
//	starts the program on disk       ->   starts its components
//	serves                                is ready, and accepts nothing yet
//	pauses                           ->   accepts
//	probation: serves what it has,
//	sends http clients away, or
//	lets their idle connections go   gets those
//	stops what is Exclusive          ->   starts that
//	stops as above, in its own budget     serves alone
//
// The sockets that components ask for by Addr, those for datagrams among them,
// are handed over by the component's name, and both processes have them for a
// while: what comes while the old one pauses waits in the kernel's queue. A
// component whose name or Addr is new binds its own, before the process is
// ready; one that is gone keeps accepting in the old process until that stops,
// and the log says so. Listener is not handed over.
//
// Ownership changes in two steps that are acknowledged. Until the new process
// accepts, its failure, its death, or its being too late leaves the old one as it
// was, which kills it and accepts on; the death of the old one makes the new one
// accept. A kill of either at any point leaves one that does. On probation the
// old one comes back if the new one ends; if that stops by itself, because of a
// signal or a failure, the old one accepts again at once, while the new one ends
// what it has accepted. A signal that stops the old one on probation stops both,
// and Run returns when both have stopped. After the probation the new process is
// the service: its end is that of the service, also while the old one drains. A
// new process that can't make sense of what it has inherited, or of what the old
// one says, starts nothing and accepts nothing more; Run returns an error.
//
// The stop of the old process is a stop as above, with its own budget
// ([RestartOptions.Budget]), without a delay and without PreStop hooks, whose
// news would be wrong: the service goes on. For the same reason its readiness
// stays on. Connections that are silent are kept for 2 s instead of 50 ms.
//
// Clients of plain http/1.1 needn't even reconnect, where
// [Component.HandOverIdle] says so: their connections go along whenever they are
// idle, also those that become so while the old process drains. Nothing of a
// request has been read from one that goes, what its client sends meanwhile waits
// in the kernel, and the old process lets go of it only when the new one has said
// that it got it. So a kill of the old process takes none of them with it; one of
// the new process on probation takes those that it had got.
//
// The protocol is that of systemd, as far as it has one: sockets come as
// LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID, so that a manager below systemd, or
// any other supervisor that speaks it, takes its sockets by the names of its
// components, or else by their addresses; then systemd keeps them, and they are
// left open when the process stops. During a restart systemd hears RELOADING=1,
// then READY=1, and at the end of the probation MAINPID of the new process, which
// speaks for itself from then on. All these variables are taken out of the
// environment. Where a unit has a store for descriptors (FileDescriptorStoreMax,
// which sets FDSTORE), the sockets that components ask for by Addr are put there
// (FDSTORE=1, FDNAME=name@addr), and taken out when no component asks for them any
// more (FDSTOREREMOVE=1): then a stop and a start, or a crash, find them as they
// were, and who comes meanwhile waits. A process that a Go program starts can't be told its own pid in
// LISTEN_PID, so BELAY_PARENT tells it that of the old one.
//
// Of datagrams ([Component.ServePacket]) only one process reads at a time: the old
// one pauses with the step, and what comes meanwhile waits in the socket's buffer,
// which is the same for both. What it has read it answers.
//
// The keys of TLS session tickets go along as well, over the link between the two
// processes and nowhere else, so clients resume their sessions with the new one
// (see [RestartOptions.OwnTicketKeys]).
//
// What is not handed over: what is in memory. Limits on rates, keys and
// adaptive ones begin anew, so two processes together may grant twice as much
// while one drains; counters begin at zero ([Report.Generation] tells the
// processes apart); connections that are hijacked or speak TLS or h2 stay with the
// process that has them. As process 1 of a container nothing can be handed over, since its end is that
// of the container; there, and where a supervisor watches one pid and does not
// speak sd_notify's protocol, belay-run does it. In Kubernetes a rolling update
// is the restart. RESTARTS.md, in this folder, says which way fits where.
//
// # Signals
//
// They are safe from the first instruction of Run: one that comes while
// starting begins the stop as well. A second SIGINT forces: everything is cut
// at once and reported. A repeated SIGTERM changes nothing and is logged with
// the time that is left (but see [Options.ForceOnSecondTerm]); the same signal twice within 200 ms (the process
// group and the pid) counts once. SIGQUIT keeps Go's stack dump unless it is
// in [Options.Signals].
//
// # Failure, panic, misuse
//
// A component fails when it returns an error, returns at all although it was
// to run on, or leaves by runtime.Goexit. Then the rest is stopped in order
// and Run returns a [*ComponentError]. A panic in a component crashes the
// process as it would without this package, unless [Options.StopOnPanic] asks
// for an ordered stop; during the stop, a panic of a stop
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
// reason to stop. In "pre-stop" readiness is off and everything still serves;
// in "draining" at least one component with a socket has not stopped yet; in
// "stopping" only others are left; "done" is when Run returns.
//
// FAILURES.md, in this folder, says what happens when processes are killed, clocks are
// set, or descriptors run out.
//
// When not to use it: for a program that has nothing to lose at SIGTERM, such as a
// command or a batch job that begins anew; below a framework that owns start and
// stop, of which there can be only one (fx and others run as a component, see
// examples/recipes); and a restart of this kind has no use in Kubernetes.
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
