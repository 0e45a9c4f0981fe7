// Command run explores the small state machines of the module: it builds a copy
// of them in which every operation on what goroutines share is a step, and runs
// small programs through every schedule with so many preemptions.
//
//	go run ./internal/explore/run                    two preemptions, seconds
//	go run ./internal/explore/run -preemptions 3     minutes
//	go run ./internal/explore/run -plants            each planted fault has to be found
//
// Other flags are those of the programs: -only, -most, -replay. It exits 1 if a
// schedule fails, which it prints, or if a planted fault is not found.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/belay-go/belay/internal/explore/rewrite"
)

func main() {
	args := os.Args[1:]
	plants := slices.Contains(args, "-plants")
	args = slices.DeleteFunc(args, func(a string) bool { return a == "-plants" })
	if err := run(plants, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(plants bool, args []string) error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/belay-go/belay").Output()
	if err != nil {
		return fmt.Errorf("run: not in the module: %w", err)
	}
	root := strings.TrimSpace(string(out))
	temp, err := os.MkdirTemp("", "explore")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if !plants {
		binary, err := rewrite.Build(root, temp)
		if err != nil {
			return err
		}
		return machines(binary, args)
	}
	missed := 0
	for _, plant := range rewrite.Plants {
		fmt.Printf("\n-- %s\n", plant.Name)
		binary, err := rewrite.Build(root, temp, plant.Changes...)
		if err != nil {
			return err
		}
		if machines(binary, append(plant.Flags(), args...)) == nil {
			fmt.Println("NOT FOUND")
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("run: %d of %d planted faults were not found", missed, len(rewrite.Plants))
	}
	fmt.Printf("\nall %d planted faults were found\n", len(rewrite.Plants))
	return nil
}

func machines(binary string, args []string) error {
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
