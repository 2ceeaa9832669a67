package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"
)

const (
	day     = 24 * 60 * 60 // seconds, as in the programs
	ending  = 100_000      // sessions that expire in the same minute
	someone = 1_000        // sessions of visitors, beside those
)

// print writes a line like Restart/Redis/1000 <tab> 12 first-ms <tab> …
func (b *bench) print(name string, format string, args ...any) {
	line := fmt.Sprintf(name+"\t"+format, args...)
	log.Print(line)
	fmt.Fprintln(b.out, line)
	b.lines++
}

// fill stores so many sessions, and returns the cookies of a sample. It is quicker
// to copy one session that the program has stored than to visit the program: what
// is in the server is the same.
func (r *running) fill(n int, seconds func(i int) int) ([]string, error) {
	if r.server == nil {
		return newcomers(r.b.ctx, r.apps[0], n)
	}
	first, err := newcomers(r.b.ctx, r.apps[0], 1)
	if err != nil {
		return nil, err
	}
	id, err := idOf(first[0])
	if err != nil {
		return nil, err
	}
	ids := make([]string, n)
	random := make([]byte, 32)
	for i := range ids {
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		ids[i] = strings.TrimRight(base32.StdEncoding.EncodeToString(random), "=") // as the stores make them
	}
	if err := r.store.server.copies(r.b.ctx, r.server.addr, id, ids, seconds); err != nil {
		return nil, err
	}
	return cookiesOf(ids)
}

func aDay(int) int { return day }

// stored measures a store that has n sessions.
func (b *bench) stored(s store, n int, crowded bool) (err error) {
	log.Printf("%s: filling in %d sessions", s.name, n)
	r, err := b.open(s)
	if err != nil {
		return err
	}
	defer r.close()
	before, err := r.report()
	if err != nil {
		return err
	}
	began := time.Now()
	cookies, err := r.fill(n, aDay)
	if err != nil {
		return err
	}
	filling := time.Since(began)
	after, err := r.report()
	if err != nil {
		return err
	}
	if after.evicted > 0 || r.server != nil && after.sessions < n {
		return fmt.Errorf("it keeps %d sessions, and has evicted %d", after.sessions, after.evicted)
	}
	rss, err := r.keeper().rss()
	if err != nil {
		return err
	}
	seen, err := visits(b.ctx, r.apps, cookies, 1, b.each)
	if err != nil {
		return err
	}
	if len(seen.took) < 100 { // too few for a percentile
		if seen, err = visits(b.ctx, r.apps, cookies, 1, 10*b.each); err != nil {
			return err
		}
	}
	if len(seen.took) == 0 {
		return fmt.Errorf("none of %d visits found its session", seen.failed)
	}
	b.print("Stored/%s/%d", "%.0f B/session\t%.0f process-MB\t%.1f filling-s\t%v", s.name, n,
		(after.bytes-before.bytes)/float64(n), rss/1e6, filling.Seconds(), seen)
	if crowded {
		if err := r.crowds(cookies); err != nil {
			return err
		}
	}
	return r.restart(n, cookies)
}

// crowds measures 1 to 1,000 visitors at once, with one instance and with two.
func (r *running) crowds(cookies []string) error {
	for instances := 1; instances <= 2; instances++ {
		if instances == 2 {
			if r.server == nil {
				r.b.leftOut("two instances with %s: each has its own sessions", r.store.name)
				return nil
			}
			if err := r.another(); err != nil {
				return err
			}
		}
		for _, visitors := range []int{1, 10, 100, 1000} {
			if err := r.crowd(fmt.Sprintf("Visitors/%s/%d/%d", r.store.name, instances, visitors), cookies, visitors); err != nil {
				return err
			}
		}
	}
	for len(r.apps) > 1 {
		r.apps[1].kill()
		r.apps = r.apps[:1]
	}
	return nil
}

// crowd measures visitors at once, and what each visit costs the server.
func (r *running) crowd(name string, cookies []string, visitors int) error {
	before, err := r.report()
	if err != nil {
		return err
	}
	seen, err := visits(r.b.ctx, r.apps, cookies, visitors, r.b.each)
	if err != nil {
		return fmt.Errorf("%d visitors: %w", visitors, err)
	}
	after, err := r.report()
	if err != nil {
		return err
	}
	costs := ""
	if after.cpu > 0 {
		all := float64(seen.all)
		costs = fmt.Sprintf("\t%.1f server-cpu-µs/visit\t%.0f network-B/visit", (after.cpu-before.cpu)*1e6/all, (after.network-before.network)/all)
	}
	r.b.print("%s", "%v%s", name, seen, costs)
	return nil
}

// restart measures how long it takes until a visitor is answered again after the
// keeper of the sessions has been stopped and started.
func (r *running) restart(n int, cookies []string) error {
	if r.store.server.command == ours {
		r.b.leftOut("restart of %s with %d sessions: the stand-in keeps nothing when it stops", r.store.name, n)
		return nil
	}
	log.Printf("%s: restart with %d sessions", r.store.name, n)
	keeper := r.keeper()
	keeper.stop()
	began := time.Now()
	if r.server != nil {
		if err := r.startServer(keeper.addr); err != nil {
			return err
		}
	} else {
		program, err := r.b.start(keeper.addr, keeper.command.Env, keeper.command.Path, keeper.command.Args[1:]...)
		if err != nil {
			return err
		}
		r.apps[0] = program
	}
	var first answer
	refused := 0
	err := r.b.until(r.keeper(), func() error {
		c, err := connect(r.apps[0].addr)
		if err != nil {
			return err
		}
		defer c.conn.Close()
		if first, err = c.visit(cookies[0]); err != nil {
			return err
		}
		if first.status != http.StatusOK {
			refused++
			return fmt.Errorf("still answers %d", first.status)
		}
		return nil
	})
	if err != nil {
		return err
	}
	kept := 0
	if first.count > 0 {
		kept = n
	}
	r.b.print("Restart/%s/%d", "%.0f first-ms\t%d refused\t%d kept", r.store.name, n, float64(time.Since(began).Microseconds())/1000, refused, kept)
	return nil
}

// tooSmall fills a server whose memory nobody has thought about.
func (b *bench) tooSmall(s store, n int) error {
	log.Printf("%s: %d sessions with the memory that it has by default", s.name, n)
	s.server.args = s.small
	r, err := b.open(s)
	if err != nil {
		return err
	}
	defer r.close()
	if _, err := r.fill(n, aDay); err != nil {
		return err
	}
	after, err := r.report()
	if err != nil {
		return err
	}
	b.print("Default/%s/%d", "%d kept\t%d evicted", s.name, n, after.sessions, after.evicted)
	return nil
}

// expiry measures a visitor while 100,000 other sessions expire: spread over a
// minute, and all in the same second. First she has a quiet time.
func (b *bench) expiry(s store) error {
	for _, c := range []struct {
		name   string
		quiet  time.Duration // without an end
		within int           // seconds, in which all expire
		during time.Duration
	}{
		{"minute", 15 * time.Second, 60, 60 * time.Second},
		{"second", 15 * time.Second, 1, 3 * time.Second},
	} {
		log.Printf("%s: %d sessions that expire in the same %s", s.name, ending, c.name)
		r, err := b.open(s)
		if err != nil {
			return err
		}
		err = r.ends(c.name, c.quiet, c.within, c.during)
		r.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *running) ends(name string, quiet time.Duration, within int, during time.Duration) error {
	cookies, err := r.fill(someone, aDay)
	if err != nil {
		return err
	}
	const filling = 5 // seconds, and more than enough
	wait := filling + int(quiet/time.Second)
	began := time.Now()
	if _, err := r.fill(ending, func(i int) int { return wait + i*within/ending }); err != nil {
		return err
	}
	first := began.Add(time.Duration(wait) * time.Second)
	if time.Until(first) < quiet {
		return errors.New("the machine is too slow for this: the sessions expire before the quiet time is over")
	}
	before, err := visits(r.b.ctx, r.apps, cookies, 1, quiet)
	if err != nil {
		return err
	}
	there, err := r.report()
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(first)): // until it begins
	case <-r.b.ctx.Done():
		return errors.New("stopped")
	}
	meanwhile, err := visits(r.b.ctx, r.apps, cookies, 1, during)
	if err != nil {
		return err
	}
	after, err := r.report()
	if err != nil {
		return err
	}
	r.b.print("Expiry/%s/%s/before", "%v\t%d stored", r.store.name, name, before, there.sessions)
	r.b.print("Expiry/%s/%s/during", "%v\t%d stored", r.store.name, name, meanwhile, after.sessions)
	return nil
}

// cluster compares one Redis with a cluster of three nodes, with the same program
// and a hundred visitors. In turn, because a machine has its moods.
func (b *bench) cluster() error {
	one, err := b.open(stores["redis"])
	if err != nil {
		return err
	}
	defer one.close()
	nodes, addrs, err := b.startCluster(3)
	for _, n := range nodes {
		defer n.kill()
	}
	if err != nil {
		return err
	}
	program := stores["redis"]
	program.env = func(string) []string { return []string{"REDIS_ADDR=" + strings.Join(addrs, ",")} }
	app, err := b.app(program, "")
	if err != nil {
		return err
	}
	defer app.kill()
	three := &running{b: b, store: program, server: nodes[0], apps: []*process{app}}
	three.store.server.report = func(ctx context.Context, _ string) (sum report, err error) {
		for _, n := range nodes {
			r, err := redisReport(ctx, n.addr)
			if err != nil {
				return sum, err
			}
			sum.cpu += r.cpu
			sum.network += r.network
		}
		return sum, nil
	}
	cookies := map[*running][]string{}
	for _, r := range []*running{one, three} {
		if cookies[r], err = newcomers(b.ctx, r.apps[0], sample); err != nil {
			return err
		}
	}
	for round := range 3 {
		for i, r := range []*running{one, three} {
			if err := r.crowd(fmt.Sprintf("Cluster/%d/%d", 1+2*i, round+1), cookies[r], 100); err != nil {
				return err
			}
		}
	}
	return nil
}

// startCluster starts so many nodes, which share the slots.
func (b *bench) startCluster(count int) (nodes []*process, addrs []string, err error) {
	const slots = 16384
	var conns []redigo.Conn
	var buses []string // the ports for each other
	for i := range count {
		addr, err := freeAddr()
		if err != nil {
			return nodes, nil, err
		}
		bus, err := freeAddr()
		if err != nil {
			return nodes, nil, err
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nodes, nil, err
		}
		_, busPort, err := net.SplitHostPort(bus)
		if err != nil {
			return nodes, nil, err
		}
		dir, err := os.MkdirTemp(b.bin, "node-")
		if err != nil {
			return nodes, nil, err
		}
		buses = append(buses, busPort)
		args := append(redisArgs(host, port, dir), "--cluster-enabled", "yes", "--cluster-port", busPort, "--cluster-announce-ip", host)
		node, err := b.start(addr, nil, "redis-server", args...)
		if err != nil {
			return nodes, nil, err
		}
		nodes, addrs = append(nodes, node), append(addrs, addr)
		if err := b.untilItListens(node); err != nil {
			return nodes, nil, err
		}
		conn, err := redigo.Dial("tcp", addr)
		if err != nil {
			return nodes, nil, err
		}
		defer conn.Close()
		conns = append(conns, conn)
		commands := [][]any{{"SET-CONFIG-EPOCH", i + 1}, {"ADDSLOTSRANGE", i * slots / count, (i+1)*slots/count - 1}}
		if i > 0 {
			firstHost, firstPort, err := net.SplitHostPort(addrs[0])
			if err != nil {
				return nodes, nil, err
			}
			commands = append(commands, []any{"MEET", firstHost, firstPort, buses[0]})
		}
		for _, command := range commands {
			if _, err := conn.Do("CLUSTER", command...); err != nil {
				return nodes, nil, fmt.Errorf("CLUSTER %v: %w", command, err)
			}
		}
	}
	for i, conn := range conns {
		err := b.until(nodes[i], func() error {
			info, err := redigo.String(conn.Do("CLUSTER", "INFO"))
			if err != nil {
				return err
			}
			if state := numbers(info, ":"); !strings.Contains(info, "cluster_state:ok") || int(state["cluster_known_nodes"]) != count {
				return fmt.Errorf("the nodes do not find each other: %s", info)
			}
			return nil
		})
		if err != nil {
			return nodes, nil, err
		}
	}
	return nodes, addrs, nil
}
