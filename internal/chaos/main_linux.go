// Command chaos runs examples/service under load and does to it what happens to
// services: restarts in which the old or the new process is killed at a random
// moment, SIGSTOP, a log on a full disk, clients of the admin port that hang up.
//
//	go run ./internal/chaos              five minutes
//	go run ./internal/chaos -for 15s
//
// After each act the service must answer, or be gone as a whole, which it may only
// if somebody was killed; and where nobody was, no request may have been lost. An
// answer must be right in any case. Clients don't retry. At the end no process may
// be left. It exits 1 if any of that is not so.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	d := flag.Duration("for", 5*time.Minute, "how long")
	seed := flag.Uint64("seed", rand.Uint64(), "of what is done when; processes still race")
	binary := flag.String("service", "", "the service, if it is built already")
	plant := flag.Bool("plant", false, "kill the service where nothing may be lost, which has to be reported")
	flag.Parse()
	if *plant {
		acts = []act{{"a kill that was planted", (*service).kill, true, true}}
	}
	if err := chaos(*d, *seed, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// act is what is done once to a service that answers. lossless is whether no
// request may be lost by it, survives whether it must answer afterwards.
type act struct {
	name               string
	do                 func(*service, *rand.Rand) error
	lossless, survives bool
}

var acts = []act{
	{"restart", (*service).restart, true, true},
	{"kill the new one in a restart", (*service).killNew, false, true},
	{"kill the old one in a restart", (*service).killOld, false, false},
	{"kill both in a restart", (*service).killBoth, false, false},
	{"stop and continue", (*service).pause, true, true},
	{"stop and continue the old one in a restart", (*service).pauseInRestart, true, true},
	{"hang up on the admin port", (*service).hangUp, true, true},
	{"two restarts at once", (*service).restartTwice, true, true},
	{"SIGTERM", (*service).terminate, true, false},
}

func chaos(d time.Duration, seed uint64, binary string) error {
	temp, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if binary == "" {
		binary = filepath.Join(temp, "service")
		if err := build(binary); err != nil {
			return err
		}
	}
	fmt.Printf("chaos: for %v, seed %d\n", d, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	counts := make([]int, len(acts))
	began, starts, sum := time.Now(), 0, tally{}
	var s *service
	var order []int // of what is next: each act comes once before one comes again
	defer func() {
		if s != nil {
			s.bury()
		}
	}()
	for time.Since(began) < d {
		if s == nil {
			if s, err = start(binary, temp, random.IntN(3) == 0); err != nil {
				return err
			}
			starts++
		}
		if len(order) == 0 {
			order = random.Perm(len(acts))
		}
		i := order[0]
		order = order[1:]
		counts[i]++
		alive, err := s.suffer(acts[i], random, &sum)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", acts[i].name, err, s.log())
		}
		if !alive {
			s = nil
		}
	}
	if s != nil {
		if _, err := s.suffer(acts[len(acts)-1], random, &sum); err != nil {
			return fmt.Errorf("at the end: %w\n%s", err, s.log())
		}
		s = nil
	}
	for i, a := range acts {
		fmt.Printf("%5d  %s\n", counts[i], a.name)
	}
	fmt.Printf("chaos: %d acts on %d services in %v; %d requests answered, all right; %d lost to kills, 0 to anything else; 0 processes left\n",
		total(counts), starts, time.Since(began).Round(time.Second), sum.answered, sum.lost)
	return nil
}

// build builds the service in its own module, with or without the workspace.
func build(binary string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/belay-go/belay").Output()
	if err != nil {
		return fmt.Errorf("not in the module: %w", err)
	}
	cmd := exec.Command("go", "build", "-o", binary, "./service")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "examples")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the service: %w\n%s", err, out)
	}
	return nil
}

func total(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// suffer does an act under load, and checks what must hold after it.
func (s *service) suffer(a act, random *rand.Rand, sum *tally) (alive bool, err error) {
	load := s.load()
	time.Sleep(50 * time.Millisecond)
	err = a.do(s, random)
	if err == nil {
		alive, err = s.settle(a)
	}
	got := load.stop()
	sum.answered += got.answered
	sum.lost += got.lost
	switch {
	case err != nil:
		return false, err
	case got.wrong != "":
		return false, errors.New(got.wrong)
	case a.lossless && got.lost > 0:
		return false, fmt.Errorf("%d requests were lost, of %d: %s", got.lost, got.answered+got.lost, got.why)
	case a.survives && got.answered == 0:
		return false, errors.New("nothing was answered")
	}
	if !alive {
		return false, s.allGone()
	}
	return true, nil
}

// log is the end of what the service has logged.
func (s *service) log() string {
	data, _ := os.ReadFile(s.logFile)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
