// Scale measures how far the stores go: with up to a million stored sessions, with
// up to a thousand visitors at once, with two instances of the program, when
// 100,000 sessions expire at once, after a restart, and on a cluster of three nodes.
// It starts redis-server, memcached and the chapters' programs itself, on free
// ports and in a folder of its own. It takes about ten minutes:
//
//	go run ./05-mongo-memcached/compare/scale > 05-mongo-memcached/compare/scale/scale.txt
//	go run ./05-mongo-memcached/compare/chart -scale
//
// It needs ps, as Linux and macOS have it. To measure only a part, for a shorter time:
// -only redis,cluster -sessions 1000,100000 -each 1s.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	only := flag.String("only", strings.Join(parts, ","), "the `parts` to measure")
	numbers := flag.String("sessions", "1000,100000,1000000", "`how many` stored sessions")
	each := flag.Duration("each", 3*time.Second, "for `how long` to measure each case")
	flag.Parse()
	log.SetFlags(log.Ltime) // what it does goes to stderr, what it measures to stdout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *only, *numbers, *each, flag.Args()); err != nil {
		log.SetFlags(0)
		stop()
		log.Fatal(err)
	}
}

var parts = []string{"redis", "memcached", "mongo", "memory", "cluster"}

// parse checks what was asked for.
func parse(only, numbers string, each time.Duration, args []string) (chosen []string, sessions []int, err error) {
	if len(args) > 0 {
		return nil, nil, fmt.Errorf("unknown argument %q: there are only the flags -only, -sessions and -each", args[0])
	}
	for _, part := range strings.Split(only, ",") {
		if !slices.Contains(parts, part) {
			return nil, nil, fmt.Errorf("unknown -only %q: use %s, or several with commas", part, strings.Join(parts, ", "))
		}
		chosen = append(chosen, part)
	}
	for _, number := range strings.Split(numbers, ",") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1000 {
			return nil, nil, fmt.Errorf("unusable -sessions %q: use numbers from 1000 on, with commas, as in 1000,100000", number)
		}
		sessions = append(sessions, n)
	}
	slices.Sort(sessions)
	if each < 100*time.Millisecond {
		return nil, nil, fmt.Errorf("unusable -each %v: use 100ms or more", each)
	}
	return chosen, slices.Compact(sessions), nil
}

// bench is where everything is measured.
type bench struct {
	ctx  context.Context
	out  io.Writer
	bin  string // the built programs
	each time.Duration

	lines int // measured so far
}

func run(ctx context.Context, out io.Writer, only, numbers string, each time.Duration, args []string) (err error) {
	chosen, sessions, err := parse(only, numbers, each, args)
	if err != nil {
		return err
	}
	began := time.Now()
	bin, err := os.MkdirTemp("", "gin-sessions-scale-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	b := &bench{ctx: ctx, out: out, bin: bin, each: each}
	log.Print("building the programs of the chapters")
	command := exec.CommandContext(ctx, "go", "build", "-o", bin+string(os.PathSeparator),
		"./01-install/servers", "./03-redis-store/pool", "./04-memstore", "./05-mongo-memcached")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%srun this in the tutorial's root folder", err, output)
	}
	b.machine()
	for _, part := range chosen {
		err := b.part(part, sessions)
		if ctx.Err() != nil {
			return errors.New("stopped: the output is not complete")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	if b.lines == 0 {
		return errors.New("nothing was measured: install redis-server and memcached, or use -only mongo,memory")
	}
	b.load("after it, which includes its own")
	fmt.Fprintf(b.out, "# %v for each case, %v in all\n", each, time.Since(began).Round(time.Second))
	log.Printf("done after %v", time.Since(began).Round(time.Second))
	return nil
}

func (b *bench) part(part string, sessions []int) error {
	if part == "cluster" {
		if !b.installed("redis-server", "cluster") {
			return nil
		}
		return b.cluster()
	}
	s := stores[part]
	if command := s.server.command; command != "" && command != ours && !b.installed(command, s.name) {
		return nil
	}
	crowded := sessions[0] // how many are stored when the visitors come
	for _, n := range sessions {
		if n <= cmp.Or(s.crowd, 100_000) {
			crowded = n
		}
	}
	for _, n := range sessions {
		if s.most > 0 && n > s.most {
			b.leftOut("%s with %d sessions: %s", s.name, n, s.why)
			continue
		}
		if err := b.stored(s, n, n == crowded); err != nil {
			return fmt.Errorf("with %d sessions: %w", n, err)
		}
	}
	if s.small != nil {
		if err := b.tooSmall(s, sessions[len(sessions)-1]); err != nil {
			return err
		}
	}
	if !s.expires {
		b.leftOut("expiry on %s: %s", s.name, s.stays)
		return nil
	}
	return b.expiry(s)
}

// installed says aloud what cannot be measured here.
func (b *bench) installed(command, what string) bool {
	if _, err := exec.LookPath(command); err != nil {
		b.leftOut("%s: %v", what, err)
		return false
	}
	return true
}

func (b *bench) leftOut(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	log.Print("left out: ", line)
	fmt.Fprintln(b.out, "# left out:", line)
}

// load says how much else the machine has to do, where it tells.
func (b *bench) load(when string) {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 2 {
		fmt.Fprintf(b.out, "# load average %s: %s\n", when, strings.Join(fields[:3], " "))
	}
}

// machine describes what everything runs on, in comments.
func (b *bench) machine() {
	fmt.Fprintf(b.out, "# %s/%s, %d cores, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil { // elsewhere nothing is lost
		_, model, _ := strings.Cut(string(text), "model name")
		model, _, _ = strings.Cut(model, "\n")
		fmt.Fprintf(b.out, "# cpu: %s\n", strings.Trim(model, "\t: "))
	}
	b.load("before the run")
	for _, server := range []string{"redis-server", "memcached"} {
		if text, err := exec.CommandContext(b.ctx, server, "--version").Output(); err == nil { // a missing one is said later
			fmt.Fprintf(b.out, "# %s", bytes.TrimLeft(text, " "))
		}
	}
}
