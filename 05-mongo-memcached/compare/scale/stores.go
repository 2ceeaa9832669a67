package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// store is a program of the tutorial with the server that keeps its sessions.
type store struct {
	name    string // in the output
	program string // the name of its built file
	args    []string
	env     func(addr string) []string
	server  server

	most  int    // stored sessions that can be filled in here, 0: any
	why   string // no more
	crowd int    // stored sessions when many visitors come, 0: 100,000
	stays string // why its expired sessions do

	expires bool
	small   func(host, port, dir string) []string // the server's args when nobody has given it more memory
}

// ours is the program of the tutorial that is a server: go run ./01-install/servers.
const ours = "servers"

// server is a server, empty when the program keeps the sessions itself.
type server struct {
	command string
	// args returns what comes after the command, for a server at host:port with its
	// files in dir.
	args func(host, port, dir string) []string
	// copies writes the session of one ID under others. It ends after so many
	// seconds.
	copies func(ctx context.Context, addr, id string, to []string, seconds func(i int) int) error
	// report returns what the server says of itself.
	report func(ctx context.Context, addr string) (report, error)
}

// report is what a server says of itself.
type report struct {
	sessions int
	bytes    float64 // of them all
	cpu      float64 // seconds so far
	network  float64 // bytes so far, in and out
	evicted  int     // sessions that had to go
}

var stores = map[string]store{
	"redis": {
		name: "Redis", program: "pool",
		env:     func(addr string) []string { return []string{"REDIS_ADDR=" + addr} },
		server:  server{"redis-server", redisArgs, copyInRedis, redisReport},
		expires: true,
	},
	"memcached": {
		name: "memcached", program: "05-mongo-memcached", args: []string{"-store", "memcached"},
		env:     func(addr string) []string { return []string{"MEMCACHED_ADDR=" + addr} },
		server:  server{"memcached", memcachedArgs("-m", "4096"), copyInMemcached, memcachedReport},
		expires: true, small: memcachedArgs(),
	},
	"mongo": {
		name: "FerretDB", program: "05-mongo-memcached",
		env:    func(addr string) []string { return []string{"MONGO_URI=mongodb://" + addr + "/?directConnection=true"} },
		server: server{ours, ferretArgs, copyInMongo, mongoReport},
		most:   100_000, why: "a visit to FerretDB, the stand-in for MongoDB, would take longer than the program waits",
		crowd: 1000,
		stays: "FerretDB, the stand-in for MongoDB, has no TTL indexes",
	},
	"memory": {
		name: "memory", program: "04-memstore", env: func(string) []string { return nil },
		stays: "memstore never removes an expired session",
	},
}

// Redis, which appends each change to a file.
func redisArgs(host, port, dir string) []string {
	return []string{"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"}
}

func copyInRedis(ctx context.Context, addr, id string, to []string, seconds func(i int) int) error {
	conn, err := redigo.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	value, err := redigo.Bytes(conn.Do("GET", "session_"+id))
	if err != nil {
		return err
	}
	for i, other := range to {
		if err := conn.Send("SETEX", "session_"+other, seconds(i), value); err != nil {
			return err
		}
		if i%1000 == 999 || i == len(to)-1 {
			if _, err := conn.Do(""); err != nil { // sends them, and waits
				return err
			}
		}
	}
	for { // Redis may be writing its file anew
		info, err := redisInfo(conn, "persistence")
		if err != nil || info["aof_rewrite_in_progress"] == 0 && info["aof_rewrite_scheduled"] == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func redisInfo(conn redigo.Conn, section string) (map[string]float64, error) {
	text, err := redigo.String(conn.Do("INFO", section))
	return numbers(text, ":"), err
}

// numbers reads lines of a name and a number.
func numbers(text, separator string) map[string]float64 {
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), separator)
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			found[name] = number
		}
	}
	return found
}

func redisReport(_ context.Context, addr string) (r report, err error) {
	conn, err := redigo.Dial("tcp", addr)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	info, err := redisInfo(conn, "everything")
	if err != nil {
		return r, err
	}
	if r.sessions, err = redigo.Int(conn.Do("DBSIZE")); err != nil {
		return r, err
	}
	r.bytes = info["used_memory"]
	r.cpu = info["used_cpu_user"] + info["used_cpu_sys"]
	r.network = info["total_net_input_bytes"] + info["total_net_output_bytes"]
	r.evicted = int(info["evicted_keys"])
	return r, nil
}

func memcachedArgs(more ...string) func(host, port, dir string) []string {
	return func(host, port, _ string) []string {
		args := []string{"-l", host, "-p", port}
		if os.Getuid() == 0 {
			args = append(args, "-u", "nobody") // it refuses to run as root
		}
		return append(args, more...)
	}
}

// memcachedTalk sends lines, and calls answer for each line that comes back until
// it says that it was the last one.
func memcachedTalk(addr string, ask func(w *bufio.Writer) error, answer func(in *bufio.Reader, line string) (last bool, err error)) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	out, in := bufio.NewWriter(conn), bufio.NewReader(conn)
	if err := ask(out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if last, err := answer(in, strings.TrimSpace(line)); last || err != nil {
			return err
		}
	}
}

func copyInMemcached(_ context.Context, addr, id string, to []string, seconds func(i int) int) error {
	var value []byte
	err := memcachedTalk(addr, func(w *bufio.Writer) error {
		_, err := fmt.Fprintf(w, "get session_%s\r\n", id)
		return err
	}, func(in *bufio.Reader, line string) (last bool, err error) {
		fields := strings.Fields(line) // VALUE key flags length
		if len(fields) != 4 {
			return false, fmt.Errorf("memcached has no session %s: %q", id, line)
		}
		length, err := strconv.Atoi(fields[3])
		if err != nil {
			return false, err
		}
		value = make([]byte, length)
		_, err = io.ReadFull(in, value)
		return true, err
	})
	if err != nil {
		return err
	}
	return memcachedTalk(addr, func(w *bufio.Writer) error {
		for i, other := range to {
			if _, err := fmt.Fprintf(w, "set session_%s 0 %d %d noreply\r\n%s\r\n", other, seconds(i), len(value), value); err != nil {
				return err
			}
		}
		_, err := w.WriteString("version\r\n") // answered when all is done
		return err
	}, func(_ *bufio.Reader, line string) (last bool, err error) {
		if !strings.HasPrefix(line, "VERSION") {
			err = fmt.Errorf("memcached: %s", line)
		}
		return true, err
	})
}

func memcachedReport(_ context.Context, addr string) (r report, err error) {
	var lines strings.Builder
	err = memcachedTalk(addr, func(w *bufio.Writer) error {
		_, err := w.WriteString("stats\r\n")
		return err
	}, func(_ *bufio.Reader, line string) (last bool, err error) {
		lines.WriteString(strings.TrimPrefix(line, "STAT ") + "\n")
		return line == "END", nil
	})
	stats := numbers(lines.String(), " ")
	return report{
		sessions: int(stats["curr_items"]),
		bytes:    stats["bytes"],
		cpu:      stats["rusage_user"] + stats["rusage_system"],
		network:  stats["bytes_read"] + stats["bytes_written"],
		evicted:  int(stats["evictions"]),
	}, err
}

// FerretDB stands in for MongoDB.
func ferretArgs(host, port, _ string) []string {
	return []string{"-redis", "", "-memcached", "", "-mongo", net.JoinHostPort(host, port)}
}

// inMongo does something with the collection of the sessions.
func inMongo(ctx context.Context, addr string, do func(sessions *mongo.Collection) error) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://"+addr+"/?directConnection=true"))
	if err != nil {
		return err
	}
	if err := do(client.Database("tutorial").Collection("sessions")); err != nil {
		return err
	}
	return client.Disconnect(ctx)
}

func copyInMongo(ctx context.Context, addr, id string, to []string, _ func(i int) int) error {
	return inMongo(ctx, addr, func(sessions *mongo.Collection) error {
		var document bson.M
		if err := sessions.FindOne(ctx, bson.M{"_id": id}).Decode(&document); err != nil {
			return err
		}
		var some []any
		for i, other := range to {
			some = append(some, bson.M{"_id": other, "data": document["data"], "modified": document["modified"]})
			if len(some) == 1000 || i == len(to)-1 {
				if _, err := sessions.InsertMany(ctx, some); err != nil {
					return err
				}
				some = nil
			}
		}
		return nil
	})
}

func mongoReport(ctx context.Context, addr string) (r report, err error) {
	err = inMongo(ctx, addr, func(sessions *mongo.Collection) error {
		var stats struct {
			Count any
			Size  any
		}
		if err := sessions.Database().RunCommand(ctx, bson.M{"collStats": "sessions"}).Decode(&stats); err != nil {
			return err
		}
		r = report{sessions: int(number(stats.Count)), bytes: number(stats.Size)}
		return nil
	})
	return r, err
}

// number is one of BSON's three.
func number(value any) float64 {
	switch n := value.(type) {
	case int32:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

// running is a server with a program in front of it.
type running struct {
	b      *bench
	store  store
	dir    string
	server *process // nil: the program keeps the sessions
	apps   []*process
}

// open starts a server and an instance.
func (b *bench) open(s store) (*running, error) {
	dir, err := os.MkdirTemp(b.bin, "data-")
	if err != nil {
		return nil, err
	}
	r := &running{b: b, store: s, dir: dir}
	if s.server.command != "" {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		if err := r.startServer(addr); err != nil {
			return nil, err
		}
		if err := b.untilItListens(r.server); err != nil {
			r.close()
			return nil, err
		}
	}
	if err := r.another(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *running) startServer(addr string) (err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	command := r.store.server.command
	if command == ours {
		command = filepath.Join(r.b.bin, command)
	}
	r.server, err = r.b.start(addr, []string{"TMPDIR=" + r.dir}, command, r.store.server.args(host, port, r.dir)...)
	return err
}

// another starts one more instance of the program.
func (r *running) another() error {
	addr := ""
	if r.server != nil {
		addr = r.server.addr
	}
	app, err := r.b.app(r.store, addr)
	if err == nil {
		r.apps = append(r.apps, app)
	}
	return err
}

// keeper is the process that keeps the sessions.
func (r *running) keeper() *process {
	if r.server != nil {
		return r.server
	}
	return r.apps[0]
}

func (r *running) close() {
	for _, app := range r.apps {
		app.kill()
	}
	if r.server != nil {
		r.server.kill()
	}
	_ = os.RemoveAll(r.dir) // what is left goes with the folder of all
}

// report returns what the keeper says of itself. Of a program this is the memory
// that it occupies.
func (r *running) report() (report, error) {
	if r.server != nil {
		return r.store.server.report(r.b.ctx, r.server.addr)
	}
	rss, err := r.apps[0].rss()
	return report{bytes: rss}, err
}
