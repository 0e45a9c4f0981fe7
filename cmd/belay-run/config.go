//go:build unix

package main

// The command line.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const usage = `usage: belay-run [flags] -- command [args]    hold sockets, run a server on them
       belay-run [-name N] status [-json]
       belay-run [-name N] restart | stop

  -listen [NAME=]ADDR  host:port, unix:PATH or udp:host:port; repeatable.
                       NAME is what the server knows it by (default: listen)
  -ready notify        the server says READY=1 to NOTIFY_SOCKET (default), or
  -ready after=D       it is ready when it has run for so long
  -ready-limit D       how long a server may take to be ready (1m)
  -probation D         how long a new server serves beside the old one (10s)
  -grace D             how long one may take to stop before it is killed (25s)
  -n N                 servers at a time, restarted one by one (1)
  -name N              the control socket's folder (the command's name)
  -log text|json       how to log, to stderr (text)

SIGHUP restarts, SIGTERM and SIGINT stop, a second SIGINT kills; SIGQUIT,
SIGUSR1, SIGUSR2 and SIGWINCH are passed on.
exit code: 0 after a clean stop; 1 if the server ends again and again or can't
be started; 2 for a command line that makes no sense; 3 if a stop had to kill.
`

// config is what the command line says.
type config struct {
	verb string // "": run a server
	json bool

	name       string
	listen     []socket
	command    []string
	after      time.Duration // ready is when it has run for so long; 0: when it says so
	readyLimit time.Duration
	probation  time.Duration
	grace      time.Duration
	servers    int
	logJSON    bool
}

var verbs = []string{"status", "restart", "stop"}

// parse returns what the arguments say, or an error for the first thing that
// makes no sense.
func parse(args []string) (config, error) {
	c := config{readyLimit: time.Minute, probation: 10 * time.Second, grace: 25 * time.Second, servers: 1}
	flags := flag.NewFlagSet("belay-run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error, on one line
	flags.Func("listen", "", func(v string) error {
		s, err := parseSocket(v)
		if err == nil && slices.ContainsFunc(c.listen, func(o socket) bool { return o.name == s.name }) {
			err = fmt.Errorf("there is a socket %q already; give this one a NAME=", s.name)
		}
		c.listen = append(c.listen, s)
		return err
	})
	flags.Func("ready", "", func(v string) (err error) {
		after, ok := strings.CutPrefix(v, "after=")
		switch {
		case v == "notify":
			c.after = 0
		case ok:
			return positive(&c.after)(after)
		default:
			return errors.New("want notify or after=DURATION")
		}
		return nil
	})
	flags.Func("ready-limit", "", positive(&c.readyLimit))
	flags.Func("grace", "", positive(&c.grace))
	flags.DurationVar(&c.probation, "probation", c.probation, "")
	flags.IntVar(&c.servers, "n", 1, "")
	flags.StringVar(&c.name, "name", "", "")
	flags.Func("log", "", func(v string) error {
		if v != "text" && v != "json" {
			return errors.New("want text or json")
		}
		c.logJSON = v == "json"
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	rest := flags.Args()
	dashes := len(args) > len(rest) && args[len(args)-len(rest)-1] == "--"
	if len(rest) > 0 && !dashes && slices.Contains(verbs, rest[0]) {
		return c, c.parseVerb(rest)
	}
	switch {
	case len(rest) == 0:
		return c, errors.New("no command; see belay-run -h")
	case c.probation < 0:
		return c, fmt.Errorf("-probation %v: want none (0s) or more", c.probation)
	case c.servers < 1:
		return c, fmt.Errorf("-n %d: want at least 1", c.servers)
	}
	c.command = rest
	if c.name == "" {
		c.name = filepath.Base(rest[0])
	}
	return c, checkName(c.name)
}

func (c *config) parseVerb(rest []string) error {
	c.verb = rest[0]
	flags := flag.NewFlagSet(c.verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&c.json, "json", false, "")
	if err := flags.Parse(rest[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no %q", c.verb, flags.Arg(0))
	}
	if c.name == "" {
		return nil // whichever is the only one
	}
	return checkName(c.name)
}

// checkName keeps the control socket in its folder.
func checkName(name string) error {
	if name == "." || name == ".." || strings.ContainsRune(name, os.PathSeparator) {
		return fmt.Errorf("-name %q: want a name, not a path", name)
	}
	return nil
}

func positive(to *time.Duration) func(string) error {
	return func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return errors.New("want a positive duration such as 25s")
		}
		*to = d
		return nil
	}
}
