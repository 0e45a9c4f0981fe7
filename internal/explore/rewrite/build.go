package rewrite

// This file builds the explorer's programs against the product with its steps,
// and says which faults can be planted there.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Packages are those that get steps, as folders of the module.
var Packages = []string{"timeout", "errgroup", "limiter", "limiter/semaphore", "limiter/keyed", "limiter/pool", "internal/rank"}

// Change replaces a text of a file, which must be there.
type Change struct{ File, Old, New string }

// tame makes a run short, and the same each time. None of it changes what the
// machines may do.
var tame = []Change{
	// How often a lock is asked for before its caller parks.
	{"errgroup/admit.go", "const spins = 100", "const spins = 1"},
	// A seed of each run's own would put keys elsewhere in every run.
	{"limiter/keyed/table.go", "maphash.String(seed, s) | present", "explore.Hash(s) | present"},
	{"limiter/keyed/table.go", "maphash.Comparable(seed, key) | present", "explore.Hash(key) | present"},
}

// Plant is a fault, and the program that has to find it.
type Plant struct {
	Name, Program string
	Changes       []Change
	More          int // preemptions, than the programs have unless told
}

// Flags are those with which the programs find it.
func (p Plant) Flags() []string {
	return []string{"-only", "^" + p.Program + "$", "-preemptions", strconv.Itoa(2 + p.More)}
}

// Plants are faults that somebody could make, each where a comment of the source
// says why it is not so.
var Plants = []Plant{
	{"a zero releases who began to wait after it", "waitgroup/rounds", []Change{{
		"timeout/waitgroup.go", "if wg.state.Load()&awaited != 0 { // who", "if false { // who",
	}}, 0},
	{"waiters of the last round are left to the next", "waitgroup/rounds", []Change{{
		"timeout/waitgroup.go", "			wg.wake(wg.turnLocked())\n", "			_ = wg.wake\n",
	}}, 0},
	{"a grant to who gives up is lost", "semaphore/line", []Change{{
		"limiter/semaphore/line.go", "held = s.giveBackLocked(w.Value.n)", "held = true",
	}}, 0},
	{"who gives up does not let on those behind", "semaphore/line", []Change{{
		"limiter/semaphore/line.go", "	s.serveLocked()\n	s.publish()\n	discard(w)", "	s.publish()\n	discard(w)",
	}}, 0},
	{"a queued task is left to workers that are inside of tasks", "errgroup/meet", []Change{{
		"errgroup/admit.go", "l.spare < min(l.queue.len(), spares)", "l.spare < min(l.queue.len(), spares) && g.mu.active < 2",
	}}, 0},
	{"an idle slot that has changed hands is taken for its old key", "keyed/hands", []Change{{
		"limiter/keyed/semaphore.go", "	if s.hash.Load() != hash {\n		giveBack(s, n)", "	if false {\n		giveBack(s, n)",
	}}, 0},
	{"a handle is checked, then ended", "pool/handle", []Change{{
		"limiter/pool/handle.go", "if !e.gen.CompareAndSwap(h.gen, h.gen+1) {", "if e.gen.Store(h.gen + 1); false {",
	}}, 1},
}

// Build builds the programs, with a fault if there are changes, and returns the
// binary, in the folder temp. root is the module's.
func Build(root, temp string, changes ...Change) (binary string, err error) {
	replace := map[string]string{}
	changes = append(changes[:len(changes):len(changes)], tame...)
	for _, dir := range Packages {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			return "", err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			made := filepath.Join(temp, fmt.Sprintf("%d.go", len(replace)))
			below, _ := filepath.Rel(root, name)
			if err := stepped(name, filepath.ToSlash(below), made, changes); err != nil {
				return "", err
			}
			replace[name] = made
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return "", err
	}
	binary = filepath.Join(temp, "machines.exe")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "./internal/explore/machines")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("rewrite: %w\n%s", err, out)
	}
	return binary, nil
}

// stepped writes one file as it is built.
func stepped(name, below, made string, changes []Change) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	source := string(data)
	for _, c := range changes {
		if c.File != below {
			continue
		}
		if !strings.Contains(source, c.Old) {
			return fmt.Errorf("rewrite: %s has changed: it does not contain %q", below, c.Old)
		}
		source = strings.ReplaceAll(source, c.Old, c.New)
	}
	if source, err = Source(below, source); err != nil {
		return err
	}
	return os.WriteFile(made, []byte(source), 0o600)
}
