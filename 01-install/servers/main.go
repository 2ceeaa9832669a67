// Servers for the chapters, for people without Docker: Redis, memcached and
// MongoDB stand-ins that run inside this program and speak the real protocols.
//
//	go run ./01-install/servers
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
	"github.com/alicebob/miniredis/v2"
	"github.com/daangn/minimemcached"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run starts the servers and waits for Ctrl-C. When one cannot start, the others
// end with this process: nothing is left behind.
func run() (err error) {
	redis := address("redis", "localhost:6379")
	memcached := address("memcached", "localhost:11211")
	mongo := address("mongo", "localhost:27017")
	flag.Parse()

	dir, err := os.MkdirTemp("", "gin-sessions-mongo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	servers := []struct {
		name    string
		addr    string
		start   func(addr string) (string, error)
		chapter string // who uses it
		command string // how that chapter is run
		setting string // how it is told of another address
	}{
		{"redis", *redis, startRedis,
			"03", "go run ./03-redis-store", "REDIS_ADDR="},
		{"memcached", *memcached, startMemcached,
			"05", "go run ./05-mongo-memcached -store memcached", "MEMCACHED_ADDR="},
		{"mongo", *mongo, startMongoIn(dir),
			"05", "go run ./05-mongo-memcached", "MONGO_URI=mongodb://"},
	}
	log.SetOutput(io.Discard) // what the servers log; our own words are printed

	var started strings.Builder
	for _, s := range servers {
		if s.addr == "" {
			continue
		}
		addr, err := startOnFreePort(s.addr, s.start)
		if err != nil {
			return fmt.Errorf("cannot start %s: %w\n-%[1]s host:port takes another address, -%[1]s \"\" leaves it out", s.name, err)
		}
		command := s.command
		if s.addr == flag.Lookup(s.name).DefValue {
			addr = s.addr // the chapter looks there by itself
		} else {
			command = s.setting + addr + " " + command
		}
		fmt.Fprintf(&started, "%-10s %-16s chapter %s: %s\n", s.name, addr, s.chapter, command)
	}
	if started.Len() == 0 {
		return errors.New("nothing to start: every server was left out")
	}
	fmt.Print(started.String())
	fmt.Println("For learning only: they keep nothing when Ctrl-C stops them.")

	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-stopped.Done()
	fmt.Println("\nStopped. The sessions are gone.")
	return nil
}

// address makes the flag that moves a server or, when it is empty, leaves it out.
func address(name, standard string) *string {
	return flag.String(name, standard, "`host:port` for "+name+"; empty leaves it out")
}

// startOnFreePort tries the port first, so that a taken one is reported in the
// same words for every server.
func startOnFreePort(addr string, start func(string) (string, error)) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	if err := l.Close(); err != nil {
		return "", err
	}
	return start(addr)
}

// startRedis returns the address it listens on, which differs from addr when
// that asks for port 0. The other two do the same.
func startRedis(addr string) (string, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // a session's TTL runs down by itself, as in Redis
	err := server.StartAddr(addr)
	if err != nil {
		return "", err
	}
	return server.Addr(), nil
}

func startMemcached(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if host != "localhost" && host != "127.0.0.1" {
		return "", errors.New("it can listen on localhost only")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", err
	}
	server, err := minimemcached.Run(&minimemcached.Config{Port: uint16(number)})
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(server.Port()))), nil
}

// startMongoIn starts a server whose files are in dir: in memory, FerretDB's
// single connection deadlocks.
func startMongoIn(dir string) func(addr string) (string, error) {
	return func(addr string) (string, error) {
		server, err := ferretdb.New(&ferretdb.Config{
			Listener:  ferretdb.ListenerConfig{TCP: addr},
			Logger:    slog.New(slog.DiscardHandler),
			Handler:   "sqlite",
			SQLiteURL: "file:" + filepath.ToSlash(dir) + "/",
		})
		if err != nil {
			return "", err
		}
		go server.Run(context.Background())
		return strings.Trim(strings.TrimPrefix(server.MongoDBURI(), "mongodb:"), "/"), nil
	}
}
