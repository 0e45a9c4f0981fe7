package graceful

// The goroutine profile as text, and what can be read from it: which stacks
// belong to a component, what they wait for, and at which line of whose code.

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A stack is what a number of goroutines of one component do alike.
type stack struct {
	count  int
	waits  string  // "chan send", ...
	frames []frame // innermost first, without the runtime's on top
}

type frame struct{ function, line string } // line is file:number

// parseStacks reads a profile as runtime/pprof writes it with debug=1:
//
//	2 @ 0x43a 0x40b 0x4c1
//	# labels: {"graceful.component":"consumer"}
//	#	0x4c0	main.(*consumer).flush+0x55	/src/consumer.go:41
//
// It returns the stacks of the components of one manager with these names, the
// most telling first. The profile leaves out the runtime's functions on top,
// which tell what is waited for; hidden finds them by the counters in the first
// line. What can't be read is skipped.
func parseStacks(profile, manager string, names []string, hidden func(pcs []uintptr) []string) map[string][]stack {
	found := map[string][]stack{}
	seen := map[string]int{} // where in found the one that is alike is
	owners := make([]string, len(names))
	for i, name := range names {
		owners[i] = owned(manager, name)
	}
	for record := range strings.SplitSeq(profile, "\n\n") {
		head, rest, _ := strings.Cut(strings.TrimLeft(record, "\n"), "\n")
		if strings.HasPrefix(head, "goroutine profile:") {
			head, rest, _ = strings.Cut(rest, "\n")
		}
		labels, rest, _ := strings.Cut(rest, "\n")
		owner, ok := ownerOf(labels)
		if !ok {
			continue
		}
		i := slices.IndexFunc(owners, func(of string) bool { return strings.HasPrefix(owner, of) })
		if i < 0 {
			continue
		}
		name := names[i]
		number, addresses, _ := strings.Cut(head, " @")
		count, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		s := stack{count: count}
		for line := range strings.SplitSeq(rest, "\n") {
			if f, ok := parseFrame(line); ok {
				s.frames = append(s.frames, f)
			}
		}
		s.waits = s.wait(hidden(parseAddresses(addresses)))
		// Labels of the user's own, and calls from different places in one
		// line, make several records of what is alike.
		key := fmt.Sprint(i, s.waits, s.frames)
		if at, ok := seen[key]; ok {
			found[name][at].count += s.count
			continue
		}
		seen[key] = len(found[name])
		found[name] = append(found[name], s)
	}
	for _, stacks := range found {
		slices.SortStableFunc(stacks, moreTelling)
	}
	return found
}

// ownerOf returns what owned was for whom a line of labels belongs to.
func ownerOf(line string) (owner string, ok bool) {
	var manager, component string
	rest, more := strings.CutPrefix(line, "# labels: {")
	for more {
		var pair [2]string
		for i := range pair {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return "", false
			}
			pair[i], _ = strconv.Unquote(quoted)
			rest = strings.TrimPrefix(rest[len(quoted):], ":")
		}
		switch pair[0] {
		case componentLabel:
			component, ok = pair[1], true
		case managerLabel:
			manager = pair[1]
		}
		rest, more = strings.CutPrefix(rest, ", ")
	}
	return owned(manager, component), ok
}

func parseAddresses(text string) (pcs []uintptr) {
	for field := range strings.FieldsSeq(text) {
		pc, err := strconv.ParseUint(field, 0, 64)
		if err != nil {
			return pcs
		}
		pcs = append(pcs, uintptr(pc))
	}
	return pcs
}

// parseFrame reads "#\t0x4c0\tmain.f+0x55\t/src/main.go:41"; there can be more
// than one tab between the columns.
func parseFrame(text string) (f frame, ok bool) {
	text, ok = strings.CutPrefix(text, "#\t")
	if !ok {
		return f, false
	}
	_, text, _ = strings.Cut(text, "\t")
	function, line, ok := strings.Cut(strings.TrimLeft(text, "\t"), "\t")
	if i := strings.LastIndex(function, "+0x"); i >= 0 {
		function = function[:i]
	}
	return frame{function, strings.Trim(line, "\t ")}, ok && function != ""
}

// hiddenFunctions returns the runtime's functions on top of a stack.
func hiddenFunctions(pcs []uintptr) (functions []string) {
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return functions
		}
		functions = append(functions, f.Function)
		if !more {
			return functions
		}
	}
}

// leaves returns the stack of a goroutine that leaves by a panic or Goexit, for
// a deferred function, which calls it; how is what it does.
func leaves(how string) []stack {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // below Callers, leaves and its caller
	s := stack{count: 1, waits: how}
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); f.Function != "runtime.goexit" {
			s.frames = append(s.frames, frame{f.Function, fmt.Sprintf("%s:%d", f.File, f.Line)})
		}
	}
	return []stack{s}
}

// groupsIn are functions that wait for all of a group, by their beginning,
// whatever they do that with.
var groupsIn = [...]string{
	"sync.(*WaitGroup).Wait",
	thisModule + "/errgroup.(*Group).Wait",
	thisModule + "/timeout.(*WaitGroup).Wait",
}

// waitsIn says what a function on top of a stack waits for, by its beginning.
var waitsIn = [...]struct{ function, wait string }{
	{"runtime.chansend", "chan send"},
	{"runtime.chanrecv", "chan receive"},
	{"runtime.selectgo", "select"},
	{"runtime.block", "select"},
	{"sync.(*Mutex).Lock", "mutex"},
	{"sync.(*RWMutex).", "mutex"},
	{"internal/sync.(*Mutex).", "mutex"},
	{"sync.(*Cond).Wait", "cond"},
	{"internal/poll.runtime_pollWait", "I/O"},
	{"time.Sleep", "sleep"},
	{"runtime.cgocall", "C or syscall"},
	{"syscall.", "syscall"},
}

// unblocked is the wait of a goroutine that waits for nothing that has a name.
const unblocked = "running"

// wait looks for what is waited for, down to the first function of a user.
func (s stack) wait(hidden []string) string {
	functions := slices.Clone(hidden)
	for _, f := range s.frames {
		if f.owner() == users {
			break
		}
		functions = append(functions, f.function)
	}
	for _, function := range functions {
		for _, group := range groupsIn {
			if strings.HasPrefix(function, group) {
				return "WaitGroup"
			}
		}
	}
	for _, function := range functions {
		for _, w := range waitsIn {
			if strings.HasPrefix(function, w.function) {
				return w.wait
			}
		}
	}
	return unblocked
}

// An owner is whose code a frame is, the least telling first.
type owner uint8

const (
	ours     owner = iota // this package
	plumbing              // what everything waits in
	standard              // the rest of the standard library
	users
)

// plumbingIn are packages of the standard library that stand on top of stacks
// without telling what is done.
var plumbingIn = []string{"runtime", "internal", "sync", "time", "syscall", "net", "os", "io", "bufio", "context", "reflect"}

const (
	thisModule  = "github.com/belay-go/belay"
	thisPackage = thisModule + "/graceful"
)

// waitingRoom tells whether a package outside of the standard library is one
// that others wait in: it says as little of who waits as package sync.
func waitingRoom(pkg string) bool {
	within := func(root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }
	return within("golang.org/x/sync") || within("golang.org/x/time") ||
		within(thisModule) && !within(thisModule+"/examples") && !strings.HasSuffix(pkg, "_test")
}

func (f frame) owner() owner {
	// The package is all before the first dot after the last slash; dots of
	// its own in the last element are escaped.
	slash := strings.LastIndex(f.function, "/") + 1
	last, _, _ := strings.Cut(f.function[slash:], ".")
	pkg := strings.ReplaceAll(f.function[:slash]+last, "%2e", ".")
	first, _, _ := strings.Cut(pkg, "/")
	switch {
	case pkg == thisPackage:
		return ours
	case waitingRoom(pkg):
		return plumbing
	case pkg == "main" || strings.Contains(first, ".") || inModules(pkg):
		return users
	case slices.Contains(plumbingIn, pkg), first == "internal", first == "runtime":
		return plumbing
	}
	return standard
}

// moduleRoots are the modules that the program is made of: those without a dot
// in their names can't be told from the standard library otherwise.
var moduleRoots = sync.OnceValue(func() (roots []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	roots = append(roots, info.Main.Path)
	for _, dep := range info.Deps {
		roots = append(roots, dep.Path)
	}
	return slices.DeleteFunc(roots, func(root string) bool { return root == "" })
})

func inModules(pkg string) bool {
	pkg = strings.TrimSuffix(pkg, "_test")
	return slices.ContainsFunc(moduleRoots(), func(root string) bool {
		return pkg == root || strings.HasPrefix(pkg, root+"/")
	})
}

// place is the frame that says most: the innermost one of the user's, or else
// of the standard library. Of plumbing alone it is the outermost.
func (s stack) place() (best frame, whose owner) {
	for _, f := range s.frames {
		if o := f.owner(); o > whose || o == whose && o == plumbing {
			best, whose = f, o
		}
	}
	return best, whose
}

// patience orders waits by how likely they are somebody's rest: a worker
// without work waits for a channel, and whoever started the workers for all of
// them, while nobody waits for a mutex who has nothing to do.
func patience(wait string) int {
	switch wait {
	case "WaitGroup":
		return 3
	case "select", "chan receive":
		return 2
	case "I/O", "sleep", "cond":
		return 1
	}
	return 0
}

func moreTelling(a, b stack) int {
	_, ownerA := a.place()
	_, ownerB := b.place()
	return cmp.Or(
		cmp.Compare(ownerB, ownerA),
		cmp.Compare(patience(a.waits), patience(b.waits)),
		cmp.Compare(b.count, a.count),
	)
}

// where tells in one line what the most telling stack waits for, and where;
// "" if there is none that tells anything.
func where(stacks []stack) string {
	if len(stacks) == 0 {
		return ""
	}
	best, whose := stacks[0].place()
	if whose == ours {
		return ""
	}
	count := 0 // of all that wait for the same at the same line
	for _, s := range stacks {
		if f, _ := s.place(); f == best && s.waits == stacks[0].waits {
			count += s.count
		}
	}
	plural := "s"
	if count == 1 {
		plural = ""
	}
	return fmt.Sprintf("%s, %d goroutine%s, %s", stacks[0].waits, count, plural, best)
}

// samePlace tells whether the most telling stack has not moved between two
// looks. What runs may be at any line of its loop.
func samePlace(before, after []stack) bool {
	if len(before) == 0 || len(after) == 0 {
		return len(before) == len(after)
	}
	was, _ := before[0].place()
	is, _ := after[0].place()
	wait := before[0].waits
	return wait == after[0].waits && was.function == is.function && (was.line == is.line || wait == unblocked)
}

// printStacks prints stacks in at most so many bytes, and only whole ones.
func printStacks(stacks []stack, most int) string {
	var b strings.Builder
	for i, s := range stacks {
		text := fmt.Sprintf("%d @ %s\n", s.count, s.waits)
		for _, f := range s.frames {
			text += "    " + f.String() + "\n"
		}
		more := fmt.Sprintf("and %d more\n", len(stacks)-i)
		if b.Len()+len(text)+len(more) > most {
			if i == 0 { // one that is deeper than that
				cut := strings.LastIndexByte(text[:most-len(more)], '\n') + 1
				b.WriteString(text[:cut])
			}
			b.WriteString(more)
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

// String has the function without the path of its package, and so much of the
// file's path that it is found and no machine's directories are told.
func (f frame) String() string {
	function := f.function[strings.LastIndex(f.function, "/")+1:]
	elements := strings.Split(f.line, "/")
	keep := 3
	if first := elements[0]; len(elements) > 1 && (first == "" || strings.HasSuffix(first, ":")) {
		keep = min(keep, max(1, len(elements)-2)) // never all of it
	}
	return function + " " + strings.Join(elements[max(0, len(elements)-keep):], "/")
}
