package report

// This file writes SARIF 2.1.0, the format in which forges take findings and
// show them beside the code:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

import (
	"io"
	"net/url"
	"path"
	"strings"
)

// Rule is what SARIF says of a check.
type Rule struct {
	ID      string
	Summary string
	URL     string // of the page that explains it
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string    `json:"id"`
		Summary sarifText `json:"shortDescription"`
		Help    string    `json:"helpUri"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		Rule      string          `json:"ruleId"`
		Index     int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Related   []sarifLocation `json:"relatedLocations,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
		Message  *sarifText    `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
)

// SARIF writes one run of the tool of that version. Rules are those of all
// checks that ran, also of those that found nothing. Columns are counted in
// bytes by go/token and in code points here as unicodeCodePoints asks for: they
// agree wherever a line is ASCII up to the finding.
func SARIF(w io.Writer, version string, rules []Rule, findings []Finding) error {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "belay-vet", Version: version, URI: "https://github.com/belay-go/belay/tree/main/cmd/belay-vet",
		}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	index := map[string]int{}
	for i, r := range rules {
		index[r.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{r.ID, sarifText{r.Summary}, r.URL})
	}
	for _, f := range findings {
		result := sarifResult{
			Rule: f.Check, Index: index[f.Check], Level: "warning",
			Message:   sarifText{f.Message},
			Locations: []sarifLocation{location(f.File, f.Line, f.Column)},
		}
		for _, r := range f.Related {
			at := location(r.File, r.Line, r.Column)
			at.Message = &sarifText{r.Message}
			result.Related = append(result.Related, at)
		}
		run.Results = append(run.Results, result)
	}
	return write(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// location names a file below the folder of the run by its path from there,
// and any other by its address.
func location(file string, line, column int) sarifLocation {
	artifact := sarifArtifact{URI: (&url.URL{Path: file}).EscapedPath(), Base: "%SRCROOT%"}
	if path.IsAbs(file) {
		artifact = sarifArtifact{URI: (&url.URL{Scheme: "file", Path: file}).String()}
	} else if len(file) > 1 && file[1] == ':' { // a drive of Windows
		artifact = sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + file}).String()}
	}
	artifact.URI = strings.TrimPrefix(artifact.URI, "./")
	return sarifLocation{Physical: sarifPhysical{artifact, sarifRegion{max(line, 1), column}}}
}
