//go:build !unix

package main

// This file says that nothing restarts where processes inherit no sockets.

func restartCommand() {}
