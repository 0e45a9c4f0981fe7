// Belayvet has belay-vet look at a package with three leaks in it, leaky, beside
// this file, and prints what it finds.
//
// Look at leaky/leaky.go: go vet has nothing to say about it. In your own module it
// is go run github.com/belay-go/belay/cmd/belay-vet@latest ./... , with -diff to see
// what could be mended, and -fix to mend it.
//
// It prints:
//
//	leaky.go:16:14: abandonedresult: when ctx is done first, the goroutine that sends on answer stays for ever: ...
//	leaky.go:31:3: sleepctx: the sleep goes on for 1s when ctx is done: ...
//	leaky.go:42:3: permitleak: this return keeps the permit that other ways release, ...
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	cmd := exec.Command("go", "run", "./cmd/belay-vet", "./examples/belayvet/leaky")
	cmd.Env = append(os.Environ(), "GOWORK=") // the module of belay-vet is in the workspace
	out, err := cmd.CombinedOutput()          // exit code 1: it has found something
	findings := 0
	for line := range strings.Lines(string(out)) {
		if finding, ok := strings.CutPrefix(line, "examples/belayvet/leaky/"); ok {
			findings++
			fmt.Print(finding) // the lines below each say what else is to be looked at
		}
	}
	if findings == 0 {
		fmt.Printf("%sfound nothing: %v; was this started in the root of the repository?\n", out, err)
		os.Exit(1)
	}
}
