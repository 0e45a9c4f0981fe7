// Package report is what a run of the comparisons has found: it is kept as JSON,
// printed as tables, drawn as charts, and quoted in the README.
package report

// This file is the form in which a run is kept, and what a row's verdict means.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// Report is one run.
type Report struct {
	Day     string  `json:"day"` // as 2006-01-02
	Machine Machine `json:"machine"`
	Counts  int     `json:"counts"` // rounds of a comparison, unless its row says otherwise
	Length  string  `json:"length"` // of a round of one side
	Took    string  `json:"took"`
	Suites  []Suite `json:"suites"`
	Peers   []Peer  `json:"peers"`
}

// Machine is where it was taken.
type Machine struct {
	CPU        string `json:"cpu"`
	System     string `json:"system"` // as linux/amd64
	Go         string `json:"go"`
	Processors int    `json:"processors"`
}

// Peer is a module that ours is compared with.
type Peer struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Suite is the comparisons on one subject.
type Suite struct {
	Name string `json:"name"`
	Rows []Row  `json:"rows"`
}

// Row is one comparison. Times are nanoseconds per operation, and medians.
type Row struct {
	Shape  string  `json:"shape"`
	Peer   string  `json:"peer"`
	Theirs float64 `json:"theirs"`
	Ours   float64 `json:"ours"`

	Ratio float64 `json:"ratio"` // the median of the pairs' theirs/ours
	// Low and High are the bounds within which the median of such pairs is in 95 of
	// 100 cases. Of six pairs these are the lowest and the highest.
	Low  float64 `json:"low"`
	High float64 `json:"high"`

	Target  float64 `json:"target,omitempty"` // the least ratio that is claimed; zero: none
	Found   string  `json:"found,omitempty"`  // what else the row looked at
	Verdict Verdict `json:"verdict,omitempty"`

	Curve string  `json:"curve,omitempty"` // the curve that the row is a point of
	At    float64 `json:"at,omitempty"`    // where on it
}

// Verdict is what becomes of a claim.
type Verdict string

// The verdicts. A row that claims nothing has none.
const (
	Holds Verdict = "ok"
	// Open: the median is beyond the bound, but the pairs do not say so for certain.
	Open Verdict = "open"
	// Short: the interval of the pairs lies wholly beyond the bound.
	Short Verdict = "SHORT"
)

// AtLeast judges a median and its upper bound by the least that is claimed.
func AtLeast(median, high, claim float64) Verdict {
	switch {
	case median >= claim:
		return Holds
	case high >= claim:
		return Open
	}
	return Short
}

// AtMost judges a median and its lower bound by the most that is claimed.
func AtMost(median, low, claim float64) Verdict { return AtLeast(-median, -low, -claim) }

// Worst is the worst of some verdicts.
func Worst(of ...Verdict) Verdict {
	order := []Verdict{"", Holds, Open, Short}
	return slices.MaxFunc(of, func(a, b Verdict) int { return slices.Index(order, a) - slices.Index(order, b) })
}

// Count returns how many claims there are, and how many have a verdict.
func (r *Report) Count(v Verdict) (has, claims int) {
	for _, s := range r.Suites {
		for _, row := range s.Rows {
			if row.Verdict != "" {
				claims++
			}
			if row.Verdict == v {
				has++
			}
		}
	}
	return has, claims
}

// Find returns the row of a suite with a shape and a peer.
func (r *Report) Find(suite, shape, peer string) (Row, error) {
	for _, s := range r.Suites {
		for _, row := range s.Rows {
			if s.Name == suite && row.Shape == shape && row.Peer == peer {
				return row, nil
			}
		}
	}
	return Row{}, fmt.Errorf("report: no row %q against %q in %s", shape, peer, suite)
}

// Load reads what Save wrote.
func Load(path string) (*Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("report: %s: %w", path, err)
	}
	return r, nil
}

// Write writes r as JSON.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(r)
}

// Save writes r as JSON to a file.
func (r *Report) Save(path string) error {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
