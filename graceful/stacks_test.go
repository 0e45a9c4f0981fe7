package graceful_test

// Recorded goroutine profiles, whole and broken.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

const recorded = `goroutine profile: total 9
4 @ 0x1 0x2 0x10 0x11
# labels: {"graceful.component":"consumer", "shard":"a, \"graceful.component\":\"db\""}
#	0x10	example.com/shop/queue.(*Worker[...]).next+0x55		/home/builder/shop/internal/queue/worker.go:17
#	0x11	example.com/shop/queue.(*Pool).Run.func1+0x10		/home/builder/shop/internal/queue/pool.go:80

2 @ 0x1 0x3 0x20 0x21
# labels: {"graceful.component":"consumer"}
#	0x20	main.(*consumer).flush+0x55	/home/builder/shop/cmd/shop/consumer.go:41
#	0x21	main.main.func1+0x10		/home/builder/shop/cmd/shop/main.go:12

1 @ 0x1 0x3 0x20 0x22
# labels: {"another":"1", "graceful.component":"consumer"}
#	0x20	main.(*consumer).flush+0x55	/home/builder/shop/cmd/shop/consumer.go:41
#	0x22	main.main.func2+0x10		/home/builder/shop/cmd/shop/main.go:14

1 @ 0x4 0x30 0x31 0x32
# labels: {"graceful.component":"a \"b\"\t{}\n"}
#	0x30	sync.(*WaitGroup).Wait+0x10			/usr/local/go/src/sync/waitgroup.go:118
#	0x31	net/http.(*Server).Shutdown+0x10		/usr/local/go/src/net/http/server.go:3300
#	0x32	github.com/belay-go/belay/graceful.contain.func1+0x1	/x/stop.go:1

1 @ 0x1 0x5
#	0x20	main.main+0x1	/home/builder/shop/cmd/shop/main.go:20
`

// symbols stand for those of the program in which it was recorded.
func symbols(pcs []uintptr) (functions []string) {
	names := map[uintptr]string{1: "runtime.gopark", 2: "runtime.chanrecv1", 3: "runtime.chansend1", 5: "runtime.selectgo", 6: "runtime.cgocall"}
	for _, pc := range pcs {
		if name := names[pc]; name != "" {
			functions = append(functions, name)
		}
	}
	return functions
}

func TestARecordedProfileIsReadByLabels(t *testing.T) {
	line, stacks := graceful.ReadStacks(recorded, "consumer", 4<<10, symbols)
	require.Equal(t, "chan send, 3 goroutines, main.(*consumer).flush cmd/shop/consumer.go:41", line)
	require.Equal(t, `2 @ chan send
    main.(*consumer).flush cmd/shop/consumer.go:41
    main.main.func1 cmd/shop/main.go:12
1 @ chan send
    main.(*consumer).flush cmd/shop/consumer.go:41
    main.main.func2 cmd/shop/main.go:14
4 @ chan receive
    queue.(*Worker[...]).next internal/queue/worker.go:17
    queue.(*Pool).Run.func1 internal/queue/pool.go:80
`, stacks)
	line, _ = graceful.ReadStacks(recorded, "a \"b\"\t{}\n", 4<<10, symbols)
	require.Equal(t, "WaitGroup, 1 goroutine, http.(*Server).Shutdown net/http/server.go:3300", line)
	line, stacks = graceful.ReadStacks(recorded, "db", 4<<10, symbols)
	require.Empty(t, line+stacks, "a label's value is no label")
}

// record is a record of component "c" in a profile.
func record(count int, pc, moreLabels string, frames ...string) string {
	text := fmt.Sprintf("%d @ %s\n# labels: {%s\"graceful.component\":\"c\"}\n", count, pc, moreLabels)
	for _, f := range frames {
		text += "#\t0x1\t" + strings.Replace(f, " ", "+0x1\t", 1) + "\n"
	}
	return text + "\n"
}

func TestTheMostTellingStackIsFirst(t *testing.T) {
	group := record(5, "0x9", "", "sync.(*WaitGroup).Wait /src/sync/waitgroup.go:1", "main.all x.go:1")
	idle := record(5, "0x2", "", "main.idle x.go:2")
	sleep := record(1, "0x9", "", "time.Sleep /src/time/sleep.go:1", "main.retry x.go:3")
	mutex := record(1, "0x9", "", "internal/sync.(*Mutex).lockSlow /src/internal/sync/mutex.go:1", "main.add x.go:4")
	deeper := record(9, "0x9", "", "sync.(*WaitGroup).Wait /src/sync/waitgroup.go:1", "net/http.(*Server).Serve /src/net/http/server.go:1")
	for _, c := range []struct{ profile, want string }{
		{deeper + group, "WaitGroup, 5 goroutines, main.all x.go:1"},
		{group + idle, "chan receive, 5 goroutines, main.idle x.go:2"},
		{group + idle + sleep, "sleep, 1 goroutine, main.retry x.go:3"},
		{group + idle + sleep + mutex, "mutex, 1 goroutine, main.add x.go:4"},
		{deeper, "WaitGroup, 9 goroutines, http.(*Server).Serve net/http/server.go:1"},
		{record(1, "0x2", "", "github.com/belay-go/belay/graceful.waitFor stop.go:1"), ""},
		{record(1, "0x9", "", "internal/poll.runtime_Semacquire /src/runtime/sema.go:1", "os.(*File).Close /src/os/file.go:1", "github.com/belay-go/belay/graceful.Closer.func1 x.go:1"), "running, 1 goroutine, os.(*File).Close os/file.go:1"},
		{record(1, "0x9", "", "syscall.Syscall /src/syscall/a.go:1", "syscall.Read /src/syscall/b.go:1", "main.read x.go:1"), "syscall, 1 goroutine, main.read x.go:1"},
		{record(1, "0x6", "", "main._Cfunc_f x.go:1"), "C or syscall, 1 goroutine, main._Cfunc_f x.go:1"},
		{record(1, "0x2", "", "golang.org/x/sync/semaphore.(*Weighted).Acquire s.go:1", "main.f x.go:1"), "chan receive, 1 goroutine, main.f x.go:1"},
		{record(1, "0x2", "", "golang.org/x/synchrotron.F s.go:1", "main.f x.go:1"), "chan receive, 1 goroutine, synchrotron.F s.go:1"},
		{record(1, "0x2", "", "github.com/belay-go/belay/errgroup.(*Group).Go s.go:1", "github.com/belay-go/belay/examples/service.f x.go:1", "net/http.HandlerFunc.ServeHTTP s.go:1"), "chan receive, 1 goroutine, service.f x.go:1"},
	} {
		line, _ := graceful.ReadStacks(c.profile, "c", 4<<10, symbols)
		require.Equal(t, c.want, line)
	}
}

func TestWhatIsAlikeIsCountedTogether(t *testing.T) {
	_, stacks := graceful.ReadStacks(record(2, "0x2 0x7", `"a":"1", `, "main.f x.go:1")+record(3, "0x2 0x8", `"a":"2", `, "main.f x.go:1"), "c", 4<<10, symbols)
	require.Equal(t, "5 @ chan receive\n    main.f x.go:1\n", stacks)
	_, stacks = graceful.ReadStacks(record(2, "0x2", "", "main.f x.go:1")+record(3, "0x3", "", "main.f x.go:1"), "c", 4<<10, symbols)
	require.Equal(t, "3 @ chan send\n    main.f x.go:1\n2 @ chan receive\n    main.f x.go:1\n", stacks, "one line can wait for two things")
}

func TestOnlyWhatIsOnTopIsWaitedFor(t *testing.T) {
	// A Locker of the user's, called by Wait, runs.
	line, _ := graceful.ReadStacks(record(1, "0x9", "", "main.(*lock).Lock x.go:1", "sync.(*Cond).Wait /src/sync/cond.go:1", "main.f x.go:2"), "c", 4<<10, symbols)
	require.Equal(t, "running, 1 goroutine, main.(*lock).Lock x.go:1", line)
}

func TestALoopThatRunsIsStuckAtAnyOfItsLines(t *testing.T) {
	same := func(a, b string) bool { return graceful.SamePlace(a, b, symbols) }
	running, further := record(1, "0x9", "", "main.f x.go:1"), record(1, "0x9", "", "main.f x.go:2")
	require.True(t, same(running, further))
	require.False(t, same(running, record(1, "0x9", "", "main.g x.go:1")))
	sends, then := record(1, "0x3", "", "main.f x.go:1"), record(1, "0x3", "", "main.f x.go:2")
	require.True(t, same(sends, sends))
	require.False(t, same(sends, then))
	require.False(t, same(sends, running))
	require.False(t, same(sends, ""))
	require.True(t, same("", ""))
}

func TestStacksAreCutAtWholeOnes(t *testing.T) {
	_, all := graceful.ReadStacks(recorded, "consumer", 4<<10, symbols)
	for most := 120; most < len(all)+20; most++ {
		_, stacks := graceful.ReadStacks(recorded, "consumer", most, symbols)
		require.LessOrEqual(t, len(stacks), most)
		require.NotEmpty(t, stacks)
		require.True(t, strings.HasSuffix(stacks, "\n"))
	}
}

func TestNoPathOfTheBuildersMachineIsTold(t *testing.T) {
	for path, want := range map[string]string{
		"/home/bob/shop/cmd/main.go:1":        "shop/cmd/main.go:1",
		"/home/bob/main.go:1":                 "bob/main.go:1",
		"/app/main.go:1":                      "main.go:1",
		"/main.go:1":                          "main.go:1",
		"C:/Users/bob/main.go:1":              "bob/main.go:1",
		"C:/main.go:1":                        "main.go:1",
		"main.go:1":                           "main.go:1",
		"example.com/shop@v1.2.3/q/main.go:1": "shop@v1.2.3/q/main.go:1",
		"/home/bob/with space/a b/main.go:1":  "with space/a b/main.go:1",
	} {
		line, _ := graceful.ReadStacks("1 @ 0x1\n# labels: {\"graceful.component\":\"c\"}\n#\t0x1\tmain.f+0x1\t"+path+"\n", "c", 4<<10, symbols)
		require.Equal(t, "running, 1 goroutine, main.f "+want, line)
	}
}

func TestBrokenProfilesAreReadAsFarAsTheyGo(t *testing.T) {
	for i := range recorded { // cut anywhere
		graceful.ReadStacks(recorded[:i], "consumer", 4<<10, symbols)
		graceful.ReadStacks(recorded[i:], "consumer", 4<<10, symbols)
	}
	for _, text := range []string{
		"", "\n", "\n\n\n", "goroutine profile: total 1", "x @ 0x1\n# labels: {\"graceful.component\":\"c\"}\n#\t0x1\tmain.f+0x1\tx.go:1\n",
		"1 @ 0x1\n# labels: {\"graceful.component\":c}\n", "1 @ 0x1\n# labels: {\n", "1 @ zz\n# labels: {\"graceful.component\":\"c\"}\n#\t\n#\n#\t0x1\n",
	} {
		line, _ := graceful.ReadStacks(text, "c", 4<<10, symbols)
		require.Empty(t, line, "%q", text)
	}
}

func FuzzReadStacks(f *testing.F) {
	f.Add(recorded, "consumer", 4<<10)
	f.Fuzz(func(t *testing.T, profile, name string, most int) {
		most = 100 + max(0, most%5000)
		_, stacks := graceful.ReadStacks(profile, name, most, symbols)
		require.LessOrEqual(t, len(stacks), most)
	})
}
