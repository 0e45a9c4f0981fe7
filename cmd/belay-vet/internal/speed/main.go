// Command speed compares belay-vet with go vet on a module, in pairs: what both
// take once all that the packages need is compiled, and no result is cached.
// From the folder of belay-vet:
//
//	go run ./internal/speed DIR [packages]
//
// It prints the medians of the ratios of five pairs: of the time that passes,
// and of the processor's time, which says more on a machine with other work.
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
	vet := func(tool string) (took times, err error) {
		cmd := exec.Command("go", append([]string{"vet", "-vettool=" + tool}, packages...)...)
		cmd.Dir = args[0]
		cmd.Env = append(os.Environ(), "PWD="+args[0])
		began := time.Now()
		out, err := cmd.CombinedOutput() // findings are a failure, too
		took.passed = time.Since(began)
		if err != nil && strings.Contains("\n"+string(out), "\ngo: ") {
			return times{}, fmt.Errorf("%w\n%s", err, out)
		}
		took.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		return took, nil
	}
	// Downloads and compiles what the packages need. Lines about downloads look
	// like errors of the go command; a real one comes again below.
	_, _ = vet(tools[0])
	var passed, processor []float64 // ratios
	for i := range pairs {
		var took [2]times
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
		passed = append(passed, took[0].passed.Seconds()/took[1].passed.Seconds())
		processor = append(processor, took[0].processor.Seconds()/took[1].processor.Seconds())
		fmt.Printf("belay-vet %v, go vet %v: %.2f, %.2f\n", took[0], took[1], passed[i], processor[i])
	}
	fmt.Printf("median %.2f of the time, %.2f of the processor's\n", median(passed), median(processor))
	return nil
}

// times are what a run took, the processes that it started included.
type times struct{ passed, processor time.Duration }

func (t times) String() string {
	return fmt.Sprintf("%.2f s (%.2f s of the processor)", t.passed.Seconds(), t.processor.Seconds())
}

func median(ratios []float64) float64 {
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// fresh copies a program, with a byte more at its end, so that its hash is new.
func fresh(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(content, []byte(to)...), 0o755)
}
