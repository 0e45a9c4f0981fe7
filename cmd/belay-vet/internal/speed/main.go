// Command speed compares belay-vet with go vet on a module, in pairs: what both
// take once all that the packages need is compiled, and no result is cached.
// From the folder of belay-vet:
//
//	go run ./internal/speed DIR [packages]
//
// It prints the median of the ratios of five pairs.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const pairs = 5

func main() {
	if err := measure(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "speed:", err)
		os.Exit(1)
	}
}

func measure(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: speed DIR [packages]")
	}
	packages := args[1:]
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	temp, err := os.MkdirTemp("", "speed")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	tools := [2]string{filepath.Join(temp, "belay-vet"), filepath.Join(temp, "vet")}
	for i, pkg := range []string{".", "./internal/speed/vet"} {
		if out, err := exec.Command("go", "build", "-o", tools[i], pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	vet := func(tool string) (time.Duration, error) {
		cmd := exec.Command("go", append([]string{"vet", "-vettool=" + tool}, packages...)...)
		cmd.Dir = args[0]
		cmd.Env = append(os.Environ(), "PWD="+args[0])
		began := time.Now()
		out, err := cmd.CombinedOutput() // findings are a failure, too
		took := time.Since(began)
		if err != nil && strings.Contains("\n"+string(out), "\ngo: ") {
			return 0, fmt.Errorf("%w\n%s", err, out)
		}
		return took, nil
	}
	// Downloads and compiles what the packages need. Lines about downloads look
	// like errors of the go command; a real one comes again below.
	_, _ = vet(tools[0])
	var ratios []float64
	for i := range pairs {
		var took [2]time.Duration
		for j, from := range tools {
			// The go command keeps the results of a tool by what its file
			// says, so for each run it has to be another file.
			to := fmt.Sprintf("%s-%d", from, i)
			if err := fresh(from, to); err != nil {
				return err
			}
			if took[j], err = vet(to); err != nil {
				return err
			}
		}
		ratio := took[0].Seconds() / took[1].Seconds()
		ratios = append(ratios, ratio)
		fmt.Printf("belay-vet %.2f s, go vet %.2f s: %.2f\n", took[0].Seconds(), took[1].Seconds(), ratio)
	}
	slices.Sort(ratios)
	fmt.Printf("median %.2f\n", ratios[len(ratios)/2])
	return nil
}

// fresh copies a program, with a byte more at its end, so that its hash is new.
func fresh(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(content, []byte(to)...), 0o755)
}
