package graceful

// The program that takes this one's place: where it is, what it was built from,
// and whether there is room for it.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// locate returns the absolute path of a program that was named like this in
// the folder dir: as it is now, and not through links to what it was.
func locate(name, dir string) (string, error) {
	if !strings.ContainsRune(name, filepath.Separator) {
		found, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		name = found
	}
	if filepath.IsAbs(name) {
		return name, nil
	}
	if dir == "" {
		return "", fmt.Errorf("%s is no absolute path, and the folder that this process was started in is unknown", name)
	}
	return filepath.Join(dir, name), nil
}

// executable is the path of this program, as it was when the process started.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return started.path
	}
	return path
}

// revision is what this program was built from, as far as the build knows.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if text == "" {
		return info.Main.Version
	}
	return text + dirty
}
