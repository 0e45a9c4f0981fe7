// Command belay-vet finds what leaks, hangs and loses in Go programs.
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/belay-go/belay/cmd/belay-vet/checks"
)

func main() { unitchecker.Main(checks.All()...) }
