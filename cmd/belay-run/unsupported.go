//go:build !unix

// Belay-run needs a system on which processes inherit sockets.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "belay-run: this system has no sockets that processes inherit")
	os.Exit(1)
}
