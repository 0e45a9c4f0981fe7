// Command fleet has three processes share a rate on a redis-server that it starts,
// kills in the middle, and starts again, empty. It draws what all of them were
// granted, over time, and in what mode, and exits with 1 if any window had more than
// burst + limit·t.
//
//	go run ./internal/bench/fleet
//	go run ./internal/bench/fleet -limit 2000 -burst 100 -lease 10
//	go run ./internal/bench/fleet -svg contrib/redis/fleet.svg
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/contrib/redis/goredis"
)

const (
	childEnv = "BELAY_BENCH_FLEET"
	members  = 3
	piece    = 200 * time.Millisecond // one line of the drawing
)

var (
	limit = flag.Float64("limit", 500, "tokens a second for the fleet")
	burst = flag.Int64("burst", 60, "tokens at once")
	lease = flag.Int64("lease", 5, "tokens a process takes in advance")
	file  = flag.String("svg", "", "a file to draw it into as well")
	spell = flag.Duration("spell", 2*time.Second, "how long Redis is there, away, and there again")
)

// silent keeps go-redis from telling of the server that is killed.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func main() {
	flag.Parse()
	redis.SetLogger(silent{})
	var err error
	if addr := os.Getenv(childEnv); addr != "" {
		err = member(addr)
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func client(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1})
}

// member takes until its input ends, and says when it was granted what.
func member(addr string) error {
	r, err := belayredis.NewRate(context.Background(), belayredis.RateOptions{
		Fleet: belayredis.Fleet{Store: goredis.New(client(addr)), Key: "fleet", Probe: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)},
		Limit: *limit, Burst: *burst, Lease: *lease,
	})
	if err != nil {
		return err
	}
	over := make(chan struct{})
	go func() { // ends with the input
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		select {
		case <-over:
			return nil
		default:
		}
		before := time.Now().UnixNano()
		if _, err := r.TryTake(1); err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		fmt.Fprintln(out, before, time.Now().UnixNano(), int(r.State().Mode))
	}
}

// grant is one token, used between two instants.
type grant struct {
	before, after int64
	mode          int
}

// serve starts a Redis at the address, and returns when it answers.
func serve(addr string) (*exec.Cmd, error) {
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := client(addr)
	defer c.Close()
	for end := time.Now().Add(10 * time.Second); c.Ping(context.Background()).Err() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stop(cmd)
			return nil, fmt.Errorf("redis-server does not answer")
		}
	}
	return cmd, nil
}

func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func run() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	_ = l.Close()
	server, err := serve(addr)
	if err != nil {
		return err
	}
	defer func() { stop(server) }()
	var all sync.WaitGroup
	var ins []io.Closer
	grants := make([][]grant, members)
	began := time.Now()
	for i := range members {
		cmd := exec.Command(os.Args[0], os.Args[1:]...)
		cmd.Env = append(os.Environ(), childEnv+"="+addr)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		ins = append(ins, in)
		all.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				var g grant
				if _, err := fmt.Sscan(lines.Text(), &g.before, &g.after, &g.mode); err == nil {
					grants[i] = append(grants[i], g)
				}
			}
			_ = cmd.Wait()
		})
	}
	time.Sleep(*spell)
	stop(server)
	killed := time.Since(began)
	time.Sleep(*spell)
	again, err := serve(addr)
	back := time.Since(began)
	if err == nil {
		server = again
		time.Sleep(*spell)
	}
	for _, in := range ins {
		_ = in.Close()
	}
	all.Wait()
	if err != nil {
		return err
	}
	var joint []grant
	for _, g := range grants {
		joint = append(joint, g...)
	}
	return draw(joint, began, killed, back)
}

// draw draws the joint rate, and says whether the bound held.
func draw(all []grant, began time.Time, killed, back time.Duration) error {
	sort.Slice(all, func(i, j int) bool { return all[i].after < all[j].after })
	c := chart{killed: killed, back: back, granted: len(all), excess: worst(all)}
	for end := piece; end <= time.Since(began); end += piece {
		c.pieces = append(c.pieces, tally{})
	}
	for _, g := range all {
		if i := (g.after - began.UnixNano()) / int64(piece); i < int64(len(c.pieces)) {
			c.pieces[i][g.mode]++
		}
	}
	c.print()
	if *file != "" {
		if err := os.WriteFile(*file, []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	if c.excess > float64(*burst)+0.01 {
		return fmt.Errorf("the bound was broken")
	}
	return nil
}

// print prints the drawing as text.
func (c chart) print() {
	fmt.Printf("%d processes, limit %v/s, burst %d, lease %d: # from Redis, o from shares, | the limit\n", members, *limit, *burst, *lease)
	mark := int(40)
	for i, n := range c.pieces {
		at := time.Duration(i) * piece
		scale := float64(mark) / (*limit * piece.Seconds())
		bar := strings.Repeat("#", int(float64(n[0])*scale+.5)) + strings.Repeat("o", int(float64(n[1])*scale+.5))
		line := []byte(fmt.Sprintf("%-*s", mark+1, bar))
		if line[mark] == ' ' {
			line[mark] = '|'
		}
		note := ""
		switch {
		case c.killed >= at && c.killed < at+piece:
			note = "  Redis is killed"
		case c.back >= at && c.back < at+piece:
			note = "  Redis is back, empty"
		}
		fmt.Printf("%5.1f s %5.0f/s %s%s\n", at.Seconds(), float64(n[0]+n[1])/piece.Seconds(), line, note)
	}
	fmt.Printf("%d granted; the worst of all windows had %.2f more than limit·t, burst is %d\n", c.granted, c.excess, *burst)
}

// worst returns by how much the worst of all windows exceeds limit·t; the grants are
// in the order of their ends.
func worst(all []grant) (excess float64) {
	for _, first := range all {
		n := 0.0
		for _, g := range all {
			if g.before >= first.before {
				n++
				excess = max(excess, n-*limit*float64(g.after-first.before)/1e9)
			}
		}
	}
	return excess
}
