// Command vet is what go vet runs by default, built like belay-vet: the go
// command keeps the results of its own tool by Go's version, so that one can't
// be made to look again.
package main

import (
	"golang.org/x/tools/go/analysis/suite/vet"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() { unitchecker.Main(vet.Suite...) }
