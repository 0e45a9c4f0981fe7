package main

// The way into the driver, which starts this very program as its servers.

import "github.com/belay-go/belay/examples/service/drive"

func (p process) drive(cfg config) (exit int) {
	return drive.Main(drive.Config{Root: cfg.root, Stdout: p.stdout, Stderr: p.stderr})
}
