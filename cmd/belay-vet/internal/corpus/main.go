// Command corpus runs the checks over large modules of strangers, at pinned
// versions, and compares what they find with what was judged by reading the
// code. From the folder of belay-vet:
//
//	go run ./internal/corpus                    all modules; takes hours on a small machine
//	go run ./internal/corpus -module traefik    those whose path contains that
//	go run ./internal/corpus -write             only writes the page anew from the verdicts
//
// It fails if a finding was never judged, if one that was is gone, or if fewer
// than 95 of 100 are true.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-go/belay/cmd/belay-vet/internal/report"
)

func main() {
	module := flag.String("module", "", "only modules whose path contains this")
	write := flag.Bool("write", false, "write docs/real-code.md from the verdicts, and run nothing")
	flag.Parse()
	record, err := Load("docs/real-code")
	if err == nil && *write {
		err = os.WriteFile("docs/real-code.md", []byte(record.Page()), 0o644)
	} else if err == nil {
		err = compare(record, *module)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// compare runs every module and prints a line for each, and one for each
// finding on which the verdicts and the run differ.
func compare(record Record, only string) error {
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool := filepath.Join(dir, "belay-vet")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	differences := 0
	for _, m := range record.Modules {
		if !strings.Contains(m.Path, only) {
			continue
		}
		findings, err := run(tool, dir, m)
		if err != nil {
			fmt.Printf("%s@%s: %v\n", m.Path, m.Version, err)
			differences++
			continue
		}
		judged := record.of(m)
		for _, f := range findings {
			at := fmt.Sprintf("%s:%d", f.File, f.Line)
			i := slices.IndexFunc(judged, func(v Verdict) bool { return v.Check == f.Check && v.At == at })
			if i < 0 {
				fmt.Printf("not judged\t%s\t%s\t%s\t%s\t%s\n", m.Path, m.Version, f.Check, at, f.Message)
				differences++
				continue
			}
			judged = slices.Delete(judged, i, i+1)
		}
		for _, v := range judged {
			fmt.Printf("gone\t%s\t%s\t%s\t%s\n", m.Path, m.Version, v.Check, v.At)
			differences++
		}
		fmt.Printf("%s@%s: %d found\n", m.Path, m.Version, len(findings))
	}
	if differences > 0 {
		return fmt.Errorf("%d differences", differences)
	}
	return record.Verify()
}

// run downloads a module, lets the tool look at what the record names of it,
// and returns what it found. The module's own folder is not written to: go.mod
// and go.sum are copies.
func run(tool, dir string, m Module) ([]report.Finding, error) {
	out, err := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version).Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var at struct{ Dir string }
	if err := json.Unmarshal(out, &at); err != nil {
		return nil, err
	}
	gomod := filepath.Join(dir, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(at.Dir, name))
		if err != nil && name == "go.mod" {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return nil, err
		}
	}
	if err := dropLocal(gomod); err != nil {
		return nil, err
	}
	cmd := exec.Command(tool, append([]string{"-json"}, m.Patterns...)...)
	cmd.Dir = at.Dir
	cmd.Env = append(os.Environ(), "PWD="+at.Dir, "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-mod=mod -modfile="+gomod)
	cmd.Stderr = os.Stderr
	out, err = cmd.Output() // a package that doesn't compile here is left out, and named on stderr
	var findings []report.Finding
	if bad := json.Unmarshal(out, &findings); bad != nil {
		return nil, fmt.Errorf("%w (%w)", err, bad)
	}
	return findings, nil
}

// dropLocal takes out the replacements by folders: a module that is downloaded
// doesn't have its neighbours.
func dropLocal(gomod string) error {
	out, err := exec.Command("go", "mod", "edit", "-json", gomod).Output()
	if err != nil {
		return err
	}
	var mod struct {
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return err
	}
	for _, r := range mod.Replace {
		if r.New.Version != "" {
			continue
		}
		old := r.Old.Path
		if r.Old.Version != "" {
			old += "@" + r.Old.Version
		}
		if out, err := exec.Command("go", "mod", "edit", "-dropreplace", old, gomod).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
}
