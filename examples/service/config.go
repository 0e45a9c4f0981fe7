package main

// The command line and the environment, checked as a whole before anything
// is started: whatever makes no sense is one error that names the flag or
// variable and the value.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"time"
)

const usage = `usage: service [flags]
  -http ADDR   where http listens (127.0.0.1:8080); port 0 picks one
  -grpc ADDR   where grpc listens (127.0.0.1:9090)
  -admin ADDR  where the status page listens (127.0.0.1:8081)
  -root DIR    the folder that is served (.)
  -rate N      requests per second and client address (100000)
  -grace D     total time for a stop (25s)
  -drive       start servers, put load on them, and report what was lost
environment:
  SERVICE_LIMITS=FILE    rate=N and concurrency=N, read at start and by SIGHUP
  SERVICE_PROBATION=D    how long a replaced process could come back (10s)
  SERVICE_STOP=plain     stop as the docs of net/http and grpc show, for comparison
  SERVICE_HANG=consumer  add a component that never stops
`

// config is what the command line and the environment say.
type config struct {
	http, grpc, admin string
	root              string
	rate              int
	grace             time.Duration
	drive             bool

	limitsFile string        // empty: none
	probation  time.Duration // zero: graceful's own
	plain      bool          // stop without belay
	hang       bool          // with a component that never stops
}

// parse returns the config of args and the environment. It returns
// [flag.ErrHelp] for -h and otherwise a one-line error for the first thing
// that makes no sense.
func parse(args []string, getenv func(string) string) (config, error) {
	c := config{
		http: "127.0.0.1:8080", grpc: "127.0.0.1:9090", admin: "127.0.0.1:8081",
		root: ".", rate: 100_000, grace: 25 * time.Second,
		limitsFile: getenv("SERVICE_LIMITS"),
	}
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error, on one line
	flags.Func("http", "", address(&c.http))
	flags.Func("grpc", "", address(&c.grpc))
	flags.Func("admin", "", address(&c.admin))
	flags.Func("root", "", folder(&c.root))
	flags.Func("rate", "", atLeastOne(&c.rate))
	flags.Func("grace", "", lasting(&c.grace))
	flags.BoolVar(&c.drive, "drive", false, "")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, v := range []struct {
		name, value string
		set         *bool
	}{
		{"SERVICE_STOP", "plain", &c.plain},
		{"SERVICE_HANG", "consumer", &c.hang},
	} {
		switch got := getenv(v.name); got {
		case "":
		case v.value:
			*v.set = true
		default:
			return config{}, badValue(got, v.name, fmt.Errorf("only %q has a meaning", v.value))
		}
	}
	if v := getenv("SERVICE_PROBATION"); v != "" {
		if err := lasting(&c.probation)(v); err != nil {
			return config{}, badValue(v, "SERVICE_PROBATION", err)
		}
	}
	return c, nil
}

// addresses returns where each server listens, by the name of its flag.
func (c config) addresses() map[string]string {
	return map[string]string{"http": c.http, "grpc": c.grpc, "admin": c.admin}
}

// address checks all of a listening address but whether it can be bound.
func address(to *string) func(string) error {
	return func(v string) error {
		_, port, err := net.SplitHostPort(v)
		if err != nil {
			return errors.New("want host:port")
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errors.New("the port is not a number from 0 to 65535")
		}
		*to = v
		return nil
	}
}

func folder(to *string) func(string) error {
	return func(v string) error {
		info, err := os.Stat(v)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return errors.New("no such folder")
		case err != nil:
			return errors.Unwrap(err)
		case !info.IsDir():
			return errors.New("not a folder")
		}
		*to = v
		return nil
	}
}

func atLeastOne(to *int) func(string) error {
	return func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return errors.New("want a whole number of at least 1")
		}
		*to = n
		return nil
	}
}

func lasting(to *time.Duration) func(string) error {
	return func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return errors.New("want a positive duration such as 25s")
		}
		*to = d
		return nil
	}
}
