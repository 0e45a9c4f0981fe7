//go:build unix

package main

// This file is the way to the restarts, which have a table of their own.

import (
	"os"

	"github.com/belay-go/belay/internal/bench/restarts"
)

// restartCommand makes the restarts, or plays one of their servers.
func restartCommand() {
	if code, is := restarts.Child(); is {
		os.Exit(code)
	}
	if len(os.Args) > 1 && os.Args[1] == "restart" {
		os.Exit(restarts.Main(os.Args[2:]))
	}
}
